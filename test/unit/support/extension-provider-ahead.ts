// The sandbox's identity provider in a process whose clock is ahead by so many ms. Arguments: resource, ms ahead.
const [resource = '', ahead = '0'] = process.argv.slice(2);
const now = Date.now.bind(Date);
Date.now = () => now() + Number(ahead);

const { startProvider } = await import('../../../src/sandbox/provider/provider.ts');
const provider = await startProvider({ resource });
process.send?.(provider.issuer);
process.on('disconnect', () => void provider.close());
