// Passkeys: the one thing here that a page cannot do without a script. It turns the server's options into what the browser wants,
// and the browser's answer into a form field. A form that it cannot serve stays hidden.
"use strict";
const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const list = (items) => (items || []).map((item) => ({ ...item, id: toBytes(item.id) }));

const ask = async (kind, options) => {
  const key = { ...options.publicKey, challenge: toBytes(options.publicKey.challenge) };
  if (kind === "create") {
    key.user = { ...key.user, id: toBytes(key.user.id) };
    key.excludeCredentials = list(key.excludeCredentials);
    return navigator.credentials.create({ publicKey: key });
  }
  key.allowCredentials = list(key.allowCredentials);
  return navigator.credentials.get({ publicKey: key });
};

const answer = (credential) => {
  const response = {};
  for (const name of ["attestationObject", "clientDataJSON", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    extensions: credential.getClientExtensionResults(),
    response,
  });
};

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const message = form.querySelector("[role=alert]");
    const go = async () => {
      message.hidden = true;
      try {
        const credential = await ask(form.dataset.passkey, JSON.parse(form.dataset.options));
        form.elements.credential.value = answer(credential);
        form.submit();
      } catch (error) {
        message.textContent = error.name === "InvalidStateError" ? "This device has a passkey for you here already." : "Nothing was done. You can try again.";
        message.hidden = false;
      }
    };
    form.querySelector("button[type=button]").addEventListener("click", go);
    form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  }
}
