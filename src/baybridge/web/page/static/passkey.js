// Asks the device for a passkey, or to make one, and sends its answer with the form. Bytes travel as base64url, as the node writes them.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
async function made(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: known(options.excludeCredentials),
  };
  const found = await navigator.credentials.create({ publicKey });
  const { clientDataJSON, attestationObject } = found.response;
  return { found, response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) } };
}
async function asked(options) {
  const found = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  const response = { clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature) };
  if (userHandle) response.userHandle = text(userHandle);
  return { found, response };
}
for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.querySelector("button").addEventListener("click", async (event) => {
    if (form.elements.answer.value || !form.reportValidity()) return;
    event.preventDefault();
    const problem = form.querySelector("[role=alert]");
    problem.hidden = true;
    try {
      const options = JSON.parse(form.dataset.options);
      const { found, response } = await (form.dataset.passkey === "make" ? made : asked)(options);
      form.elements.answer.value = JSON.stringify({ id: found.id, rawId: text(found.rawId), type: found.type, response, clientExtensionResults: {} });
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
}
