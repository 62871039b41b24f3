import { ask, problemText } from './api.js';
import { byId, field, fillSelect, make, onSubmit } from './dom.js';

interface Deployed {
  version: string | number;
  hash?: string;
}

const ROLLBACK = 'POST /tenants/{tenant}/functions/{name}/rollback';
const DEPLOY = 'POST /tenants/{tenant}/functions/{name}/versions';

/** New versions of functions, and back to the one before. */
export class VersionPanel {
  private readonly tenant = make('input', { required: true, maxLength: 64, autocomplete: 'off' });
  private readonly name = make('input', { required: true, maxLength: 64, autocomplete: 'off' });
  private readonly file = make('input', { type: 'file', accept: '.wasm', required: true });
  private readonly which = make('select', { required: true });
  private readonly deploySaid = make('p', { role: 'status' });
  private readonly rollbackSaid = make('p', { role: 'status' });

  /** @param onChanged called with what was done */
  constructor(private readonly onChanged: (what: string) => void) {
    const [deploy, rollback] = [
      byId<HTMLFormElement>('deploy-form'),
      byId<HTMLFormElement>('rollback-form'),
    ];
    deploy.append(
      field('Tenant', this.tenant, 'deploy-tenant'),
      field('Function', this.name, 'deploy-name'),
      field('Module, .wasm', this.file, 'deploy-file'),
      make('button', { type: 'submit' }, 'Deploy'),
      this.deploySaid,
    );
    rollback.append(
      field('Roll back', this.which, 'rollback-function'),
      make('button', { type: 'submit' }, 'Roll back'),
      this.rollbackSaid,
    );
    onSubmit(deploy, this.deploySaid, () => this.deploy(), problemText);
    onSubmit(rollback, this.rollbackSaid, () => this.rollBack(), problemText);
  }

  /** @param routes those that the server has: without these ones nothing is shown */
  allow(routes: ReadonlySet<string>, mayChange: boolean): void {
    byId('versions').hidden = !(mayChange && (routes.has(DEPLOY) || routes.has(ROLLBACK)));
    byId('deploy-form').hidden = !routes.has(DEPLOY);
    byId('rollback-form').hidden = !routes.has(ROLLBACK);
  }

  suggest(names: readonly string[]): void {
    fillSelect(this.which, names);
  }

  private async deploy(): Promise<string> {
    const file = this.file.files?.[0];
    if (file === undefined) return 'No file is chosen.';
    const at = pathOf(this.tenant.value.trim(), this.name.value.trim());
    const deployed = await ask<Deployed>(`${at}/versions`, { method: 'POST', file });
    this.onChanged(`${this.name.value} v${deployed.version}`);
    const hash = deployed.hash === undefined ? '' : `, ${deployed.hash.slice(0, 12)}`;
    return `Version ${deployed.version}${hash} is deployed.`;
  }

  private async rollBack(): Promise<string> {
    const [tenant = '', name = ''] = splitName(this.which.value);
    await ask(`${pathOf(tenant, name)}/rollback`, { method: 'POST', body: {} });
    this.onChanged(`${name} rolled back`);
    return `${this.which.value} is at the version before.`;
  }
}

/** A tenant may be called anything, a function has no slash in its name. */
function splitName(full: string): [string, string] {
  const at = full.lastIndexOf('/');
  return [full.slice(0, at), full.slice(at + 1)];
}

function pathOf(tenant: string, name: string): string {
  return `/tenants/${encodeURIComponent(tenant)}/functions/${encodeURIComponent(name)}`;
}
