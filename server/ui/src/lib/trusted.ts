/** The one place that makes addresses of scripts: workers of our own, which the browser refuses to start from plain text. */

interface Policy {
  createScriptURL(url: string): string;
}

const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } }).trustedTypes;

const rules: Policy = {
  createScriptURL(url) {
    if (new URL(url, location.href).origin !== location.origin) throw new TypeError(`${url} is no script of this site.`);
    return url;
  },
};

const policy = types?.createPolicy("penstock", rules) ?? rules;

export const scriptUrl = (url: string): string => policy.createScriptURL(url);
