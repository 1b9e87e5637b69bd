// sigstore-js as libraries: `node client.mjs FOLDER` reads one JSON request a line and answers each with a line
// {"ok": true, ...} or {"ok": false, "said": "what the library said"}. FOLDER holds node_modules.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.argv[2], 'index.js'));
const { bundleFromJSON, bundleToJSON } = require('@sigstore/bundle');
const { SigningConfig, TrustedRoot } = require('@sigstore/protobuf-specs');
const { bundleBuilderFromSigningConfig } = require('@sigstore/sign');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

// A builder of bundles by the signing configuration: Fulcio, Rekor v2, timestamp. Without `fetch` the library's own limits
// hold: 5 s for each request, and two more attempts.
const builder = ({ config, token, dsse, fetch }) =>
  bundleBuilderFromSigningConfig({
    signingConfig: SigningConfig.fromJSON(json(config)),
    identityProvider: { getToken: async () => readFileSync(token, 'utf8') },
    bundleType: dsse ? 'dsseEnvelope' : 'messageSignature',
    fetchOptions: fetch,
  });

const create = async (request, data) =>
  bundleToJSON(await builder(request).create({ data: Buffer.from(data, 'base64'), type: request.type }));

const operations = {
  sign: async (request) => ({ bundle: await create(request, request.data) }),
  // All at once, each with a key of its own.
  signAll: async (request) => ({ bundles: await Promise.all(request.all.map((data) => create(request, data))) }),
  verify: async ({ root, bundle, data, identity, issuer }) => {
    const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(json(root))));
    const entity = toSignedEntity(bundleFromJSON(bundle), data === undefined ? undefined : Buffer.from(data, 'base64'));
    verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
    return {};
  },
};

// What an error says, and the errors that it came from.
const said = (error) => (error ? [`${error.code ?? error.name}: ${error.message}`, said(error.cause)].filter(Boolean).join(' <- ') : '');

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { ok: true, ...(await operations[request.op](request)) };
  } catch (error) {
    answer = { ok: false, said: said(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
