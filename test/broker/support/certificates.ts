export { selfMadeCertificates } from '../../../src/sandbox/shop/certificates.ts';
