/** Reaches into the page's own storage, as a fault of the disk would. */
import type { Page } from '@playwright/test';

/**
 * Flips a bit in the middle of the newest blob of that name, then leaves the page.
 *
 * @throws {Error} If no run has stored such a blob.
 */
export async function damageStoredBlob(page: Page, name: string): Promise<void> {
  // The page lets go of its storage first: it must not save once more on top of the damage.
  const blank = new URL('/blank', page.url()).href;
  const body = '<!doctype html><link rel="icon" href="data:,">';
  await page.route(blank, (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(blank);
  await page.evaluate(async (wanted) => {
    const asPromise = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const db = await asPromise(indexedDB.open('esper'));
    const store = db.transaction('blobs', 'readwrite').objectStore('blobs');
    const keys = (await asPromise(store.getAllKeys())) as [string, string][];
    const key = keys.filter(([, blob]) => blob === wanted).at(-1);
    if (!key) throw new Error(`No blob "${wanted}" among ${JSON.stringify(keys)}`);
    const bytes = (await asPromise(store.get(key))) as Uint8Array;
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] as number) ^ 1;
    await asPromise(store.put(bytes, key));
    db.close();
  }, name);
}

/**
 * Stores ballast until the page's origin has no room left.
 *
 * @throws {Error} If the browser's limit is so high that this would fill the disk.
 */
export async function fillStorage(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('ballast', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('blocks');
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const put = (key: number, bytes: number): Promise<boolean> =>
      new Promise((resolve) => {
        const transaction = db.transaction('blocks', 'readwrite');
        const block = crypto.getRandomValues(new Uint8Array(bytes));
        transaction.objectStore('blocks').put(block, key);
        transaction.oncomplete = () => resolve(true);
        transaction.onabort = () => resolve(false);
      });
    let key = 0;
    for (const bytes of [65_536, 4096, 256]) {
      while (await put(key++, bytes)) if (key > 2000) throw new Error('The storage has no limit');
    }
  });
}
