// What every page needs of a browser beyond HTML. Pages work without it; with it they stay fresh.
'use strict'

// An error summary takes the focus, so that a screen reader begins there.
document.querySelector('[data-focus]')?.focus()

// On a narrow screen the menu scrolls: where one is must be seen.
const menu = document.querySelector('.top nav'), here = menu?.querySelector('[aria-current]')
if (here) menu.scrollLeft = here.offsetLeft - menu.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2

// Local time zone of the market stands in the page's clock; it ticks with the platform's clock, not the browser's.
for (const clock of document.querySelectorAll('[data-clock]')) {
  const shown = Date.parse(clock.dataset.clock), speed = Number(clock.dataset.speed || 1), began = performance.now()
  const format = new Intl.DateTimeFormat(document.documentElement.lang,
    { hour: '2-digit', minute: '2-digit', timeZone: 'Europe/Berlin', hourCycle: 'h23' })
  const tick = () => {
    const said = format.format(new Date(shown + (performance.now() - began) * speed))
    if (clock.textContent !== said) clock.textContent = said
  }
  tick()
  setInterval(tick, Math.max(250, Math.min(1000, 60000 / speed)))
}

// Live regions: the server sends pieces of HTML; each replaces the element with the same data-live, if it differs.
// Open tables stay open, and the focus stays where it is.
const seen = new Map(), FOCUSABLE = 'a, button, summary, [tabindex]'

// Where one reads: what has the focus, else the first piece that is seen. Its place in the window is kept.
function reading() {
  const seenAt = e => { const r = e.getBoundingClientRect(); return r.bottom > 0 && r.top < innerHeight ? r.top : null }
  const focused = document.activeElement
  if (focused?.closest('[data-live]') && seenAt(focused) !== null) return { now: () => document.activeElement, top: seenAt(focused) }
  for (const piece of document.querySelectorAll('[data-live]')) {
    const top = seenAt(piece), name = CSS.escape(piece.dataset.live)
    if (top !== null) return { now: () => document.querySelector(`[data-live="${name}"]`), top }
  }
  return null
}

function renew(html) {
  const place = reading()
  replace(html)
  const top = place?.now()?.getBoundingClientRect().top
  if (top !== undefined && Math.abs(top - place.top) > 1) scrollBy({ top: top - place.top, behavior: 'instant' })
}

function replace(html) {
  const came = new DOMParser().parseFromString(html, 'text/html')
  for (const piece of came.querySelectorAll('[data-live]')) {
    const name = piece.dataset.live, old = document.querySelector(`[data-live="${CSS.escape(name)}"]`)
    if (!old || seen.get(name) === piece.outerHTML) continue
    seen.set(name, piece.outerHTML)
    const open = [...old.querySelectorAll('details[open]')].map(each => each.id).filter(Boolean)
    const focused = old.contains(document.activeElement) ? document.activeElement : null
    if (focused && focused.matches('input, select, textarea')) continue
    const inside = focused?.id, at = focused ? [...old.querySelectorAll(FOCUSABLE)].indexOf(focused) : -1
    const scrolled = [...old.querySelectorAll('.scroll')].map(each => [each.scrollLeft, each.scrollTop])
    for (const id of open) piece.querySelector(`#${CSS.escape(id)}`)?.setAttribute('open', '')
    const fresh = document.importNode(piece, true)
    old.dispatchEvent(new CustomEvent('vpp:leaving', { bubbles: true }))
    old.replaceWith(fresh)
    fresh.querySelectorAll('.scroll').forEach((each, n) => { if (scrolled[n]) [each.scrollLeft, each.scrollTop] = scrolled[n] })
    const again = inside ? document.getElementById(inside) : fresh.querySelectorAll(FOCUSABLE)[at]
    if (focused) again?.focus({ preventScroll: true })
    document.dispatchEvent(new CustomEvent('vpp:renewed', { detail: fresh }))
  }
}

const from = document.querySelector('[data-live-from]')?.dataset.liveFrom
if (from && 'EventSource' in window) {
  const state = document.querySelector('[data-live-state]')
  const stream = new EventSource(from)
  stream.addEventListener('page', event => renew(event.data))
  stream.addEventListener('open', () => { if (state) state.hidden = true })
  stream.addEventListener('error', () => { if (state) state.hidden = false })
  addEventListener('pagehide', () => stream.close())
}

if ('serviceWorker' in navigator) {
  addEventListener('load', () => navigator.serviceWorker.register('/service-worker.js').catch(() => {}))
}
