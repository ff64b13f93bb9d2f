// An OpenID provider for the tests: started as `node provider.mjs PORT CONFIG.json`; the people, clients and what is said of them stand in the file.
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const { clients, people } = JSON.parse(readFileSync(file, 'utf8'));
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients,
  claims: { openid: ['sub'], profile: ['name', 'email', 'preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  acrValues: ['urn:test:two'],
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  // Read anew each time: a test changes who somebody is while the provider runs.
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...JSON.parse(readFileSync(file, 'utf8')).people[id]?.claims }) }),
});
provider.use(async (ctx, next) => {
  const found = /^\/interaction\/[^/]+$/.exec(ctx.path);
  if (!found) return next();
  const details = await provider.interactionDetails(ctx.req, ctx.res);
  const who = ctx.query.who;
  if (!who && details.prompt.name === 'login') {
    ctx.type = 'html';
    ctx.body = `<h1>Provider of the tests</h1><form><label>Who <input name="who" autofocus></label><button>Continue</button></form>`;
    return;
  }
  if (who === 'nobody') return provider.interactionFinished(ctx.req, ctx.res, { error: 'access_denied' });
  if (details.prompt.name === 'login') {
    const { acr, amr } = JSON.parse(readFileSync(file, 'utf8')).people[who] ?? {};
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: who, acr, amr } });
  }
  const grant = details.grantId ? await provider.Grant.find(details.grantId) : new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope('openid profile groups');
  return provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
