import { randomInt } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NatsServer } from './nats-server';

const COUNT = 3;
const ROUTE_PORT = 6222;

/**
 * Three nats-servers that are one JetStream, on addresses of loopback that nobody else has; each
 * may be killed and started again.
 */
export class NatsCluster {
  private constructor(readonly servers: readonly NatsServer[]) {}

  /** Resolves when streams with three replicas can be made. */
  static async start(): Promise<NatsCluster> {
    const net = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
    const addresses = Array.from({ length: COUNT }, (_, at) => `${net}.${at + 1}`);
    const routes = addresses.map((address) => `"nats-route://${address}:${ROUTE_PORT}"`);
    const started = addresses.map((address, at) => {
      const route = `listen: "${address}:${ROUTE_PORT}", routes: [${routes.join(', ')}]`;
      const config = `server_name: "nats-${at + 1}"\ncluster { name: "three", ${route} }`;
      return NatsServer.start(config, address);
    });
    const cluster = new NatsCluster(await Promise.all(started));
    await cluster.ready();
    return cluster;
  }

  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** They have chosen who leads, and all three take part. */
  async ready(): Promise<void> {
    const connection = await connect({ servers: this.urls });
    const probe = { name: 'PROBE', subjects: ['probe'], num_replicas: COUNT };
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1_000 });
      for (;;) {
        const made = manager.streams.add(probe).then(() => manager.streams.delete('PROBE'));
        if (await made.catch(() => false)) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      await connection.close();
    }
  }

  /** The server that orders what is written to a stream. */
  async leaderOf(stream: string): Promise<NatsServer | undefined> {
    const connection = await connect({ servers: this.urls });
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false });
      const { cluster } = await manager.streams.info(stream);
      return this.servers[Number(cluster?.leader?.replace('nats-', '')) - 1];
    } finally {
      await connection.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
