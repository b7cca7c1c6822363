// The bytes of a key's secret, as kube-apiserver takes them from an EncryptionConfiguration.

/** undefined for what Go's base64.StdEncoding does not take; line breaks inside are nothing to it. */
export function keyBytes(secret: string): Buffer | undefined {
  const text = secret.replace(/[\r\n]/g, '');
  const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return form.test(text) ? Buffer.from(text, 'base64') : undefined;
}
