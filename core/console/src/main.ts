import { ApiError, ask, forgetToken, hasToken, keepToken, problemText, routes } from './api.js';
import { CallPanel } from './calls.js';
import { ALL, Charts } from './charts.js';
import { byId, fillSelect, setText } from './dom.js';
import { showLanes } from './lanes.js';
import { PolicyPanel } from './policies.js';
import type { Live, LiveSample } from './report.js';
import { nameOf, showTables } from './tables.js';
import { showTenants } from './tenants.js';
import { VersionPanel } from './versions.js';

const RETRY_MS_MAX = 8000;
/** What changes seldom is asked for in every so many samples. */
const SELDOM = 5;
const NAMES_MAX = 1000;

/** The page: asks for what has happened once a second, and shows it. */
class Console {
  private readonly charts = new Charts();
  private readonly calls = new CallPanel();
  private readonly policies = new PolicyPanel((what) => this.charts.mark(what));
  private readonly versions = new VersionPanel((what) => this.charts.mark(what));
  private readonly chosen = byId<HTMLSelectElement>('chosen');
  private known: ReadonlySet<string> = new Set();
  private sequence = 0;
  private retryMs = 0;
  private answers = 0;
  private isOpen = false;
  private last: LiveSample | undefined;

  start(): void {
    this.chosen.addEventListener('change', () => {
      this.charts.chosen = this.chosen.value;
      this.charts.draw();
    });
    byId('sign-in').addEventListener('submit', (event) => {
      event.preventDefault();
      keepToken(byId<HTMLInputElement>('token').value.trim());
      byId<HTMLInputElement>('token').value = '';
      byId('sign-in').hidden = true;
      void this.look();
    });
    byId('forget').addEventListener('click', () => {
      forgetToken();
      location.reload();
    });
    void this.look();
  }

  private async look(): Promise<void> {
    try {
      const live = await ask<Live>(`/live?after=${this.sequence}`);
      if (!this.isOpen) await this.open(live);
      this.retryMs = 0;
      this.show(live);
      await this.showSeldom();
      this.later(live.periodMs);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.signIn(error);
        return;
      }
      setText(byId('state'), problemText(error));
      this.retryMs = Math.min(RETRY_MS_MAX, Math.max(1000, this.retryMs * 2));
      this.later(this.retryMs);
    }
  }

  private later(ms: number): void {
    setTimeout(() => {
      if (!document.hidden) void this.look();
      else document.addEventListener('visibilitychange', () => void this.look(), { once: true });
    }, ms);
  }

  /** A token is wanted, or this one is none of the server's. */
  private signIn(error: ApiError): void {
    const hadToken = hasToken();
    forgetToken();
    this.isOpen = false;
    byId('board').hidden = true;
    byId('forget').hidden = true;
    byId('sign-in').hidden = false;
    setText(byId('state'), 'A token is wanted.');
    setText(byId('sign-in-problem'), hadToken ? problemText(error) : '');
    byId('token').focus();
  }

  private async open({ role }: Live): Promise<void> {
    const mayChange = role === 'operator';
    this.known = await routes();
    await this.policies.load(mayChange);
    this.calls.allow(mayChange);
    this.versions.allow(this.known, mayChange);
    byId('board').hidden = false;
    byId('forget').hidden = !hasToken();
    this.isOpen = true;
  }

  private show(live: Live): void {
    this.sequence = live.sequence;
    this.charts.add(live.samples);
    const last = live.samples.at(-1);
    if (last !== undefined) this.showSample(last);
    showLanes(live.lanes, this.last?.workers.length ?? 0);
    const role = live.role === 'operator' ? 'you may change' : 'you may look';
    setText(byId('state'), `The server is ${live.phase}; ${role}.`);
    document.body.dataset.samples = String((this.answers += 1));
  }

  private showSample(sample: LiveSample): void {
    this.last = sample;
    showTables(sample);
    const names = sample.functions.map(nameOf).sort();
    fillSelect(this.chosen, [ALL, ...names]);
    if (!this.known.has('GET /functions')) this.suggest(names);
  }

  private suggest(names: readonly string[]): void {
    this.calls.suggest(names);
    this.versions.suggest(names);
  }

  /** Those that have never been called too. */
  private async suggestAll(): Promise<void> {
    const all = await ask<{ tenant: string; name: string }[]>('/functions');
    this.suggest(all.slice(0, NAMES_MAX).map(({ tenant, name }) => `${tenant}/${name}`));
  }

  private async showSeldom(): Promise<void> {
    if (this.answers % SELDOM !== 1) return;
    const hasTenants = this.known.has('GET /tenants');
    byId('tenants').hidden = !hasTenants;
    const hasFunctions = this.known.has('GET /functions');
    await Promise.all([
      this.policies.refresh(),
      hasTenants ? showTenants() : undefined,
      hasFunctions ? this.suggestAll() : undefined,
    ]);
  }
}

new Console().start();
