/**
 * The one script of the identity provider's pages: asks the browser for a passkey, as the pressed button says, and sends
 * what comes of it with the form around it. Without it, or in a browser that knows no passkeys, the buttons stay hidden.
 */
export const passkeyScript = `
if (window.PublicKeyCredential?.parseCreationOptionsFromJSON)
  for (const button of document.querySelectorAll('button[hidden]')) {
    button.hidden = false;
    if (!button.dataset.passkey) continue;
    button.addEventListener('click', async () => {
      const trouble = document.getElementById('trouble');
      trouble.hidden = true;
      const { create, get } = JSON.parse(button.dataset.passkey);
      try {
        const passkey = create
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(create) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(get) });
        button.form.elements.passkey.value = JSON.stringify(passkey);
        button.form.submit();
      } catch (error) {
        trouble.hidden = false;
        trouble.textContent = error.name === 'InvalidStateError' ? 'This device has one already.' : 'Nothing came of it. Try again.';
      }
    });
  }
`;
