import { execFileSync } from 'node:child_process';

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

/** One end of a link inside a namespace. */
export interface LinkEnd {
  readonly namespace: string;
  readonly name: string;
}

let serial = 0;

/**
 * Hosts on one machine: network namespaces of this test process, joined by veth links. Needs root.
 * Nothing of it touches the machine's own interfaces.
 */
export class Namespaces {
  readonly #names: string[] = [];

  static get possible(): boolean {
    return process.getuid?.() === 0;
  }

  add(): string {
    const name = `sledge-${process.pid}-${(serial += 1)}`;
    ip('netns', 'add', name);
    this.#names.push(name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** A veth link between two namespaces; an end without an address carries frames only. */
  link(a: LinkEnd & { address?: string }, b: LinkEnd & { address?: string }): void {
    const ends = ['netns', b.namespace];
    ip(
      'link',
      'add',
      a.name,
      'netns',
      a.namespace,
      'type',
      'veth',
      'peer',
      'name',
      b.name,
      ...ends,
    );
    for (const { namespace, name, address } of [a, b]) {
      if (address !== undefined) ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', name);
      ip('-n', namespace, 'link', 'set', name, 'up');
    }
  }

  macOf({ namespace, name }: LinkEnd): string {
    const [link] = JSON.parse(ip('-n', namespace, '-j', 'link', 'show', 'dev', name)) as [
      { address: string },
    ];
    return link.address;
  }

  /** Whoever has `address` on the other side of `end` answers no ARP: this is its MAC. */
  addNeighbour(end: LinkEnd, address: string, mac: string): void {
    const permanent = ['nud', 'permanent'];
    const { namespace, name } = end;
    ip('-n', namespace, 'neigh', 'add', address, 'lladdr', mac, 'dev', name, ...permanent);
  }

  /** Arguments of execFile that run a command inside. */
  inside(namespace: string, command: string, ...args: string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', namespace, command, ...args]];
  }

  removeAll(): void {
    for (const name of this.#names.splice(0)) ip('netns', 'delete', name);
  }
}
