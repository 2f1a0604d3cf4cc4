import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CertificateFiles } from './config.ts';
import { failureOf } from './files.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';

/** Where certificates are looked for, and what is wrong with them is said. */
interface Place {
  readonly folder: string;
  readonly report: Report;
}

/** The certificates in the file that `certificate_authority` names, in PEM form, or a report of why there are none. */
export async function authorityIn(
  name: string,
  path: Path,
  { folder, report }: Place,
): Promise<string | undefined> {
  const file = resolve(folder, name);
  const place = [...path, 'certificate_authority'];
  try {
    const pem = await readFile(file, 'utf8');
    if (isCertificate(pem)) return pem;
    report.isWrong(place, `${file} is not a certificate in PEM form.`);
  } catch (error) {
    report.isMissing(place, `${file} ${failureOf(error)}`);
  }
  return undefined;
}

export async function certificateFiles(
  written: { readonly certificate: string; readonly key: string },
  { folder, report }: Place,
): Promise<CertificateFiles> {
  const certificate = resolve(folder, written.certificate);
  const key = resolve(folder, written.key);
  const certificateText = await readFile(certificate, 'utf8').catch((error: unknown) =>
    report.isMissing(['tls', 'certificate'], `${certificate} ${failureOf(error)}`),
  );
  const keyText = await readFile(key, 'utf8').catch((error: unknown) =>
    report.isMissing(['tls', 'key'], `${key} ${failureOf(error)}`),
  );
  if (typeof certificateText === 'string' && !isCertificate(certificateText))
    report.isWrong(['tls', 'certificate'], `${certificate} is not a certificate in PEM form.`);
  else if (typeof certificateText === 'string' && typeof keyText === 'string') {
    const wrong = keyProblem(certificateText, keyText);
    if (wrong !== undefined) report.isWrong(['tls', 'key'], `${key} ${wrong}`);
  }
  return { certificate, key };
}

function keyProblem(certificate: string, key: string): string | undefined {
  try {
    const privateKey = createPrivateKey(key);
    return new X509Certificate(certificate).checkPrivateKey(privateKey)
      ? undefined
      : 'is the key of another certificate.';
  } catch {
    return 'is not a private key in PEM form without a passphrase.';
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
