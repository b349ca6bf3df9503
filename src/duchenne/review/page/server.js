// What the page asks of its server; every address is below the page's own, which holds the token.

export class ServerError extends Error {}

async function answered(path, options = {}) {
  const answer = await fetch(new URL(path, document.baseURI), options);
  if (!answer.ok) {
    const text = await answer.text();
    let told = text;
    try { told = JSON.parse(text).error ?? text; } catch { /* It is plain text. */ }
    throw new ServerError(told);
  }
  return answer;
}

export const get = async (path) => (await answered(path)).json();
export const bytes = async (path) => (await answered(path)).arrayBuffer();
export async function picture(path) {
  const answer = await answered(path);
  return [await answer.blob(), Number(answer.headers.get("x-begins-s"))];
}
export const post = async (path, body, method = "POST") =>
  (await answered(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) })).json();
export const postPicture = async (path, picture) =>
  (await answered(path, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: picture })).json();
