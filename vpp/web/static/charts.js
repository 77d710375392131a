// Draws every [data-chart] with uPlot: steps and stacked areas by UTC time, labelled in the market's zone.
'use strict'

const lang = document.documentElement.lang
const drawn = new Map()
const probe = document.createElement('span')
probe.hidden = true
document.body.append(probe)

function colour(token) {
  probe.style.color = `var(${token})`
  return getComputedStyle(probe).color
}

function faded(rgb, alpha) {
  return rgb.replace(/^rgb\(/, 'rgba(').replace(/\)$/, `, ${alpha})`)
}

const number = (value, digits = 1) => value == null ? '–'
  : new Intl.NumberFormat(lang, { maximumFractionDigits: digits }).format(value).replace(/^-/, '−')

// As many as tell two ticks apart.
function decimals(ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1
  for (let digits = 0; digits < 3; digits++) if (Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) < 1e-6) return digits
  return 3
}

// uPlot has no stacked areas: sums are drawn from the outermost to the innermost, positive and negative apart.
function layers(series, count) {
  const areas = series.filter(s => s.look === 'area'), lines = series.filter(s => s.look !== 'area'), out = []
  for (const sign of [1, -1]) {
    const sum = new Array(count).fill(0), found = []
    for (const area of areas) {
      if (!area.values.some(v => v != null && v * sign > 1e-9)) continue
      for (let n = 0; n < count; n++) sum[n] += Math.max(0, (area.values[n] ?? 0) * sign)
      found.push({ ...area, drawn: sum.map((v, n) => area.values[n] == null && v === 0 ? null : v * sign) })
    }
    out.push(...found.reverse())
  }
  return [...out, ...lines.map(s => ({ ...s, drawn: s.values }))]
}

function draw(box) {
  const given = JSON.parse(box.querySelector('script').textContent)
  // The last step has an end: one more point closes it.
  const x = [...given.x, given.x.at(-1) + given.step]
  const all = layers(given.series, given.x.length).map(s => ({ ...s, drawn: [...s.drawn, s.drawn.at(-1) ?? null] }))
  const ink = colour('--soft'), line = colour('--line')
  const hour = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', timeZone: given.zone, hourCycle: 'h23' })
  const day = new Intl.DateTimeFormat(lang, { weekday: 'short', day: 'numeric', timeZone: given.zone })
  const label = at => { const t = hour.format(at * 1000); return t === '00:00' ? day.format(at * 1000) : t }
  const font = `13px ${getComputedStyle(document.body).fontFamily}`
  const stepped = uPlot.paths.stepped({ align: 1 })
  const told = (u, ticks) => { const digits = decimals(ticks); return ticks.map(v => number(v, digits)) }
  const hasRight = all.some(s => s.right)
  const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: line, width: 1 } }
  const narrow = box.clientWidth < 420
  const side = unit => ({ size: narrow ? 40 : 58, gap: narrow ? 3 : 6, values: told, label: unit, labelSize: narrow ? 15 : 18, labelFont: font })
  const options = {
    width: box.clientWidth, height: given.height, padding: [10, hasRight ? 0 : 18, 0, 0],
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
    legend: { show: false },
    scales: {
      x: { time: true, range: () => [x[0], x.at(-1)] },
      y: { range: (u, low, high) => span(given.low ?? low, given.high ?? high, given.low, given.high) },
      right: { range: (u, low, high) => span(low, high) },
    },
    axes: [
      { ...axis, size: 30, space: 56, splits: () => marks(x[0], x.at(-1), box.clientWidth), values: (u, ticks) => ticks.map(label) },
      { ...axis, ...side(given.unit) },
      ...(hasRight ? [{ ...axis, ...side(given.rightUnit), scale: 'right', side: 1, grid: { show: false } }] : []),
    ],
    series: [{}, ...all.map(s => {
      const c = colour(s.colour)
      const common = { label: s.name, scale: s.right ? 'right' : 'y', stroke: c, paths: stepped, points: { show: false } }
      if (s.look === 'area') return { ...common, width: 1, fill: mixed(c), fillTo: 0 }
      if (s.look === 'dots') return { ...common, width: 0, paths: () => null, points: { show: true, size: 5, fill: c, width: 0 } }
      return { ...common, width: 2, dash: s.look === 'dashed' ? [6, 5] : undefined, spanGaps: false }
    })],
    hooks: { draw: [u => mark(u, given, ink)], setCursor: [u => tell(u, box, given, label)] },
  }
  const plot = new uPlot(options, [x, ...all.map(s => s.drawn)], box)
  const resized = new ResizeObserver(() => {
    if (box.clientWidth && Math.abs(box.clientWidth - plot.width) > 1) plot.setSize({ width: box.clientWidth, height: given.height })
  })
  resized.observe(box)
  drawn.set(box, { plot, resized })
}

// An opaque mixture with the ground, so that stacked areas do not shine through each other.
function mixed(rgb) {
  const parts = s => s.match(/[\d.]+/g).slice(0, 3).map(Number), a = parts(rgb), b = parts(colour('--surface'))
  return `rgb(${a.map((v, n) => Math.round(.72 * v + .28 * b[n])).join(',')})`
}

function span(low, high, fixedLow, fixedHigh) {
  if (low == null || high == null) return [0, 1]
  low = fixedLow ?? Math.min(0, low)
  high = fixedHigh ?? Math.max(0, high)
  if (high - low < 1e-6) high = low + 1
  const room = .06 * (high - low)
  return [fixedLow ?? (low < 0 ? low - room : 0), fixedHigh ?? (high > 0 ? high + room : 0)]
}

// Ticks at whole hours of the market's zone, an even number of them apart.
function marks(from, to, width) {
  const hours = (to - from) / 3600, wish = Math.max(1, hours / Math.max(2, width / 78))
  const every = [1, 2, 3, 4, 6, 12, 24, 48, 168].find(h => h >= wish) ?? 336
  const found = []
  const zone = new Intl.DateTimeFormat('en-GB', { hour: 'numeric', timeZone: 'Europe/Berlin', hourCycle: 'h23' })
  for (let at = Math.ceil(from / 3600) * 3600; at < to - 1800; at += 3600) {
    const hour = Number(zone.format(at * 1000))
    if (every < 24 ? hour % every === 0 : hour === 0) found.push(at)
  }
  return found
}

function mark(u, given, ink) {
  const { ctx, bbox } = u
  ctx.save()
  ctx.setLineDash([])
  ctx.lineWidth = devicePixelRatio
  const zero = u.valToPos(0, 'y', true)
  if (zero >= bbox.top && zero <= bbox.top + bbox.height) {
    ctx.strokeStyle = ink
    ctx.beginPath(); ctx.moveTo(bbox.left, zero); ctx.lineTo(bbox.left + bbox.width, zero); ctx.stroke()
  }
  if (given.now && given.now >= u.scales.x.min && given.now <= u.scales.x.max) {
    const at = u.valToPos(given.now, 'x', true)
    ctx.strokeStyle = ctx.fillStyle = colour('--ink')
    ctx.lineWidth = 1.5 * devicePixelRatio
    ctx.beginPath(); ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + bbox.height); ctx.stroke()
    const r = 4 * devicePixelRatio
    ctx.beginPath(); ctx.moveTo(at - r, bbox.top - r); ctx.lineTo(at + r, bbox.top - r); ctx.lineTo(at, bbox.top + r); ctx.fill()
  }
  ctx.restore()
}

function tell(u, box, given, label) {
  let tip = box.querySelector('.plot-tip')
  const n = u.cursor.idx
  if (n == null || u.cursor.left < 0) { tip?.remove(); return }
  const step = Math.min(n, given.x.length - 1)
  if (!tip) { tip = document.createElement('div'); tip.className = 'plot-tip'; tip.setAttribute('aria-hidden', 'true'); box.append(tip) }
  const head = document.createElement('b')
  head.textContent = `${label(given.x[step])} – ${label(given.x[step] + given.step)}`
  const lines = given.series.filter(s => s.values[step] != null).map(s => {
    const line = document.createElement('span'), name = document.createElement('i'), value = document.createElement('span')
    name.textContent = s.name
    name.style.fontStyle = 'normal'
    value.textContent = `${number(s.values[step])} ${s.right ? given.rightUnit : given.unit}`
    line.append(name, value)
    return line
  })
  tip.replaceChildren(head, ...lines)
  const left = u.cursor.left + u.bbox.left / devicePixelRatio
  const flip = left + tip.offsetWidth + 24 > box.clientWidth
  tip.style.left = `${Math.max(4, flip ? left - tip.offsetWidth - 14 : left + 14)}px`
  tip.style.top = '12px'
}

function forget(box) {
  const known = drawn.get(box)
  if (!known) return
  known.resized.disconnect()
  known.plot.destroy()
  drawn.delete(box)
}

function drawIn(root) {
  for (const box of root.querySelectorAll('[data-chart]')) if (!drawn.has(box)) draw(box)
}

for (const each of document.querySelectorAll('[data-token]')) each.style.setProperty('--token', `var(${each.dataset.token})`)
document.addEventListener('vpp:leaving', event => event.target.querySelectorAll('[data-chart]').forEach(forget))
document.addEventListener('vpp:renewed', event => {
  for (const each of event.detail.querySelectorAll('[data-token]')) each.style.setProperty('--token', `var(${each.dataset.token})`)
  drawIn(event.detail.parentElement ?? document)
})
const again = () => { for (const box of [...drawn.keys()]) { forget(box); draw(box) } }
for (const changes of ['(prefers-color-scheme: dark)', 'print']) matchMedia(changes).addEventListener('change', again)
drawIn(document)
document.fonts?.ready.then(again)
