// An OpenID Connect provider for tests: oidc-provider, in memory, on a port of loopback; the first line it prints is its address.
//
//     node tests/oidc/provider.mjs PORT REDIRECT_URI
//
// `tests/deps oidc` installs what it needs in target/oidc. Its login form takes any name with any password. Who is who, and what
// goes wrong, is told beside the protocol:
//
//     POST /-/person {"login": "a", "preferred_username": "alice", "groups": ["x"]}    whom the login "a" is
//     POST /-/rotate                                                                   new signing keys; the old ones are gone

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const installed = new URL("../../target/oidc/node_modules/oidc-provider/lib/index.js", import.meta.url);
const { default: Provider } = await import(fileURLToPath(installed));

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = new Map();

/** A provider with a signing key of its own. What people have granted, and codes on their way, are the same for all. */
function provider() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const made = new Provider(issuer, {
    clients: [
      {
        client_id: "copr",
        client_secret: "a secret between the two",
        redirect_uris: [redirect],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    scopes: ["openid", "profile", "groups"],
    pkce: { required: () => true },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" }] },
    cookies: { keys: ["for tests only"] },
    findAccount: (_, login) => ({
      accountId: login,
      claims: () => ({ sub: login, preferred_username: login, ...people.get(login) }),
    }),
  });
  return made.callback();
}

let answer = provider();

async function told(request, response) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  if (request.url === "/-/rotate") {
    answer = provider();
  } else {
    const { login, ...claims } = JSON.parse(Buffer.concat(pieces).toString());
    people.set(login, claims);
  }
  response.end("done\n");
}

createServer((request, response) => (request.url.startsWith("/-/") ? told : answer)(request, response)).listen(port, "127.0.0.1", () => console.log(issuer));
