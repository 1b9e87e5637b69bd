// sigstore-js as libraries: `node client.mjs FOLDER` reads one JSON request a line and answers each with a line
// {"ok": true, ...} or {"ok": false, "said": "what the library said"}. FOLDER holds node_modules.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.argv[2], 'index.js'));
const { bundleFromJSON, bundleToJSON } = require('@sigstore/bundle');
const { SigningConfig, TrustedRoot } = require('@sigstore/protobuf-specs');
const sigstore = require('@sigstore/sign');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

const identity = (token) => ({ getToken: async () => readFileSync(token, 'utf8') });

// A builder of bundles by the signing configuration: Fulcio, Rekor v2, timestamp. Without `fetch` the library's own limits
// hold: 5 s for each request, and two more attempts.
const builder = ({ config, token, dsse, fetch }) =>
  sigstore.bundleBuilderFromSigningConfig({
    signingConfig: SigningConfig.fromJSON(json(config)),
    identityProvider: identity(token),
    bundleType: dsse ? 'dsseEnvelope' : 'messageSignature',
    fetchOptions: fetch,
  });

// A signer with one RSA key, which signs the same bytes the same way.
let rsa;
const rsaSigner = () => {
  rsa ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicKey = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  return {
    sign: async (data) => ({
      signature: createSign('sha256').update(data).sign(rsa.privateKey),
      key: { $case: 'publicKey', publicKey, hint: 'rsa' },
    }),
  };
};

// A builder without a signing configuration: Rekor v1 by its URL.
const builderAt = ({ rekorURL, fulcioURL, token, dsse, entryType, fetchOnConflict, rsa }) => {
  const signer = rsa ? rsaSigner() : new sigstore.FulcioSigner({ fulcioBaseURL: fulcioURL, identityProvider: identity(token) });
  const witnesses = [new sigstore.RekorWitness({ rekorBaseURL: rekorURL, entryType, fetchOnConflict })];
  return new (dsse ? sigstore.DSSEBundleBuilder : sigstore.MessageSignatureBundleBuilder)({ signer, witnesses });
};

const create = async (request, data, build = builder) =>
  bundleToJSON(await build(request).create({ data: Buffer.from(data, 'base64'), type: request.type }));

const operations = {
  sign: async (request) => ({ bundle: await create(request, request.data) }),
  signAt: async (request) => ({ bundle: await create(request, request.data, builderAt) }),
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
