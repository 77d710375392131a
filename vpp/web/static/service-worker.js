// Keeps one page for when the server is not to be reached. Plans and readings are never kept: old ones mislead.
const KEPT = 'vpp-1'

self.addEventListener('install', event => {
  event.waitUntil(caches.open(KEPT).then(cache => cache.add('/offline')).then(() => self.skipWaiting()))
})

self.addEventListener('activate', event => {
  event.waitUntil(self.clients.claim())
})

self.addEventListener('fetch', event => {
  if (event.request.mode !== 'navigate' || event.request.method !== 'GET') return
  event.respondWith(fetch(event.request).catch(() => caches.match('/offline')))
})
