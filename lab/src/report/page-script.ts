/** Runs in the page: draws each of CHARTS as wide as its place, again when that changes. */
export const pageScript = `
const COLOURS=['#1f77b4','#d95f02','#2ca02c','#9467bd','#c0392b','#8c564b','#0f8b8d','#7f7f7f'];
const dark=matchMedia('(prefers-color-scheme:dark)').matches;
const ink=dark?'#c8c8c8':'#444',grid=dark?'#333':'#e4e4e4';
const root=document.getElementById('charts');
const short=v=>v==null?'':v===0?'0':Math.abs(v)>=1e6||Math.abs(v)<1e-3?v.toExponential(0)
  :String(+v.toPrecision(3));
const axis=(label,log)=>({label,stroke:ink,grid:{stroke:grid},ticks:{stroke:grid},size:62,
  labelSize:22,values:(u,s)=>s.map(v=>log&&v!=null&&
    !/^1(0*|e.*)?$|^0\\.0*1$/.test(String(v))?'':short(v))});
const scale=log=>log?{time:false,distr:3}:{time:false};
for(const chart of CHARTS){
  const box=document.createElement('section');box.className='chart';
  const head=document.createElement('h3');head.textContent=chart.title;box.append(head);
  root.append(box);
  const data=[chart.x],series=[{label:chart.xLabel,value:(u,v)=>short(v)}],bands=[];
  chart.lines.forEach((line,at)=>{
    const colour=COLOURS[at%COLOURS.length];
    data.push(line.y);
    series.push({label:line.name,stroke:colour,
      width:at===0?3.5:2,points:{show:chart.x.length<40,size:6},
      spanGaps:true,value:(u,v)=>short(v)});
    if(line.low&&line.high){
      const top=series.length;
      for(const edge of [line.high,line.low]){data.push(edge);
        series.push({label:'\u00a0',stroke:colour,
        width:0.4,points:{show:false},spanGaps:true,auto:true});}
      bands.push({series:[top,top+1],fill:colour+'22'});
    }
  });
  const height=()=>Math.round(Math.min(320,Math.max(230,box.clientWidth*0.6)));
  const plot=new uPlot({width:box.clientWidth,height:height(),series,bands,legend:{live:false},
    scales:{x:scale(chart.logX),y:scale(chart.logY)},cursor:{y:false},
    axes:[axis(chart.xLabel,chart.logX),axis(chart.yLabel,chart.logY)]},data,box);
  for(const row of box.querySelectorAll('.u-series'))
    if(row.textContent.trim()===''||row.textContent.trim()===chart.xLabel)row.style.display='none';
  let drawn=box.clientWidth;
  new ResizeObserver(()=>{if(box.clientWidth===drawn)return;drawn=box.clientWidth;
    plot.setSize({width:drawn,height:height()});}).observe(box);
}
document.body.dataset.drawn=String(CHARTS.length);
`;
