import { configFromObject } from '../src';
import { effectiveConfig } from '../src/config/effective-config';
import { loadPlugins } from '../src/plugins/plugin-host';

function load(config: object) {
  const loaded = configFromObject(config);
  return effectiveConfig(loaded, loadPlugins(loaded.plugins, loaded.folder));
}

describe('estimator and admission in a configuration', () => {
  it('are the percentile of what was seen, and none', () => {
    expect(load({ transports: [] })).toMatchObject({
      estimator: ['estimator-percentile', { percentile: 90 }],
      admission: 'none',
      preemption: { mechanism: 'safepoint', graceUs: 1000, minIntervalUs: 'auto' },
    });
  });

  it.each([
    { scheduler: 'sjf', dispatcher: 'rr' },
    { dispatcher: 'lld' },
    { admission: 'deadline' },
  ])('without estimates %o is refused, with what would provide them', (policies) => {
    const config = { transports: [], estimator: 'none', ...policies };
    expect(() => load(config)).toThrow(
      expect.objectContaining({
        code: 'SLEDGE_ERR_PLUGIN_CAPABILITY',
        message: expect.stringMatching(/estimates.*estimator-percentile/) as string,
      }),
    );
    expect(load({ transports: [], ...policies })).toMatchObject({ tenants: [] });
  });

  it('refuse a plugin of another kind', () => {
    expect(() => load({ transports: [], estimator: '@sledge/sched-fifo' })).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_PLUGIN_KIND' }),
    );
  });
});
