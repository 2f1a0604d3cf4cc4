import { createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

// X.509 version 3 (RFC 5280) in DER, just enough for a server that a client verifies in full.
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
};
const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const octets = (body: Buffer) => der(0x04, body);
const bits = (body: Buffer) => der(0x03, Buffer.from([0]), body);
const yes = der(0x01, Buffer.from([0xff]));

const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
const commonName = (name: string) =>
  sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(name)))));
const utcTime = (at: Date) =>
  der(0x17, Buffer.from(`${at.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

const extension = (id: string, critical: boolean, value: Buffer) =>
  sequence(objectId(id), ...(critical ? [yes] : []), octets(value));
const forAuthority = [
  extension('551d13', true, sequence(yes)),
  extension('551d0f', true, der(0x03, Buffer.from([1, 0x06]))),
];
const forServer = (names: readonly string[], addresses: readonly string[]) => [
  extension('551d13', true, sequence()),
  extension(
    '551d11',
    false,
    sequence(
      ...names.map((name) => der(0x82, Buffer.from(name))),
      ...addresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
    ),
  ),
];

const dayMs = 24 * 3600 * 1000;
const daysValid = 30;

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

function certificate(subject: string, key: KeyObject, issuer: Issuer, extensions: Buffer[]): string {
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    commonName(issuer.name),
    sequence(utcTime(new Date(Date.now() - dayMs)), utcTime(new Date(Date.now() + daysValid * dayMs))),
    commonName(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = createSign('sha256').update(body).sign(issuer.key);
  const base64 = sequence(body, ecdsaWithSha256, bits(signature)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

/** A certificate authority of one's own and a server certificate signed by it, both in PEM, valid for a month. */
export function selfMadeCertificates(names: readonly string[], addresses: readonly string[]) {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: `Daypass sandbox ${randomBytes(4).toString('hex')}`, key: authority.privateKey };
  return {
    certificateAuthority: certificate(issuer.name, authority.publicKey, issuer, forAuthority),
    certificate: certificate(names[0] ?? 'server', server.publicKey, issuer, forServer(names, addresses)),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
