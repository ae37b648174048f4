package page

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	cdpnetwork "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/reporttest"
)

var (
	screenshots   = flag.String("screenshots", "", "save pictures of the page, by width and theme, in this `folder`")
	screenshotsOf = flag.String("screenshots-of", "", "show this result `folder` instead of made-up results")
)

// browser is a tab of a headless Chromium that notes every complaint of the page
// and every request for anything but the page.
type browser struct {
	t   *testing.T
	ctx context.Context
	// file is the page.
	file string

	mu       sync.Mutex
	problems []string
}

// findChromium skips the test where there is no Chromium.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed (Debian: apt-get install chromium): the page is not opened in a browser")
	return ""
}

// openBrowser opens a page in a new Chromium with an empty profile.
func openBrowser(t *testing.T, file string) *browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(findChromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.WindowSize(1280, 900),
		chromedp.WSURLReadTimeout(time.Minute))
	timed, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(timed, options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, file: "file://" + (&url.URL{Path: file}).EscapedPath()}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	call(b, cdpnetwork.Enable, cdpnetwork.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	// As if a person looked at it: a window that nobody looks at says nothing of the focus.
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.prefer("light")
	b.run(chromedp.Navigate(b.file))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error(p)
		}
	})
	return b
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.URL, ":", e.ExceptionDetails.LineNumber))
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console: %s %s", e.Type, words(e.Args)))
	case *log.EventEntryAdded:
		b.problems = append(b.problems, fmt.Sprintf("log: %s %s", e.Entry.Level, e.Entry.Text))
	case *cdpnetwork.EventRequestWillBeSent:
		u := e.Request.URL
		if at, _, _ := strings.Cut(u, "#"); at != b.file && !strings.HasPrefix(u, "data:") {
			b.problems = append(b.problems, "request for "+u)
		}
	}
}

// words are what a page printed.
func words(args []*runtime.RemoteObject) string {
	var text []string
	for _, a := range args {
		text = append(text, string(a.Value), a.Description)
	}
	return strings.Join(text, " ")
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call runs a command of the protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// eval evaluates an expression, and waits for it where it is a promise.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// do evaluates a script for its effect.
func (b *browser) do(script string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
}

// press types keys.
func (b *browser) press(keys string) { b.t.Helper(); b.run(chromedp.KeyEvent(keys)) }

// point moves the mouse to the middle of the first element.
func (b *browser) point(selector string) {
	b.t.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		e.scrollIntoView({block: 'center', behavior: 'instant'});
		const r = e.getBoundingClientRect();
		return [r.x + r.width/2, r.y + r.height/2];
	})()`, selector))
	// A scroll hides what the page shows; its event comes with the next frame.
	b.frames()
	b.move(at[0], at[1])
}

// move moves the mouse.
func (b *browser) move(x, y float64) {
	b.t.Helper()
	b.run(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
}

// frames waits until the page was drawn twice.
func (b *browser) frames() {
	b.t.Helper()
	b.do(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// prefer makes the system light or dark.
func (b *browser) prefer(scheme string) {
	b.t.Helper()
	b.media("", scheme)
}

// media shows the page as on that medium; an empty one is what it really is on.
func (b *browser) media(media, scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// width makes the window as wide as a phone's or a desktop's.
func (b *browser) width(width int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600})
	b.frames()
}

// tip is what the page says about the mark in question, empty if nothing.
func (b *browser) tip() string {
	b.t.Helper()
	return eval[string](b, `(() => { const t = document.getElementById('tip'); return t.hidden ? '' : t.textContent; })()`)
}

func (b *browser) background() string {
	b.t.Helper()
	return eval[string](b, `getComputedStyle(document.body).backgroundColor`)
}

// fits checks that nothing but what scrolls by itself is wider than the window.
func (b *browser) fits(width int64) {
	b.t.Helper()
	b.width(width)
	if wide := eval[[]string](b, `[...document.querySelectorAll('body, body *')].filter(e =>
		!e.closest('.scroll, pre, nav, svg, .skip, #tip') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))`); len(wide) > 0 {
		b.t.Errorf("at %d px these are wider than the window: %q", width, wide)
	}
	if scroll := eval[int64](b, `document.documentElement.scrollWidth`); scroll > width {
		b.t.Errorf("at %d px the page is %d px wide", width, scroll)
	}
}

// shoot saves pictures of the page for a person to look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := *screenshots
	if dir == "" {
		return
	}
	for _, width := range []int64{390, 1280} {
		for _, colours := range []string{"light", "dark"} {
			b.prefer(colours)
			b.width(width)
			for k, id := range eval[[]string](b, `['', ...[...document.querySelectorAll('main section')].map(s => s.id)]`) {
				selector := "#" + id
				if id == "" {
					selector = "body > header"
				}
				picture, err := chromedp.Run(b.ctx, chromedp.Screenshot(chromedp.CSS(selector), chromedp.NodeVisible))
				if err != nil {
					b.t.Fatal(err)
				}
				file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%02d%s.png", name, width, colours, k, id))
				if err := os.WriteFile(file, picture, 0o666); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
	b.prefer("light")
	b.width(1280)
}

// pageResults has everything that the page shows.
func pageResults(t *testing.T) *record.Results {
	t.Helper()
	if dir := *screenshotsOf; dir != "" {
		r, err := record.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := reporttest.Synthesize(reporttest.Small())
	for i := range r.Cells {
		r.Cells[i].End.Audit = &record.Audit{Verdict: record.Faithful, Measures: map[string]float64{"timer-lag-p99-us": float64(50 + i)}}
	}
	r.Cells[3].End.Audit = &record.Audit{Verdict: record.Disturbed, Neighbours: 2,
		Findings: []record.Finding{{Check: "link-rate", Where: "s0-s1", Value: 9.5, Limit: 9.9, Unit: "Mb/s"}}}
	return r
}

var sampleClaims = []Judged{
	{Name: "low-rates", Quotation: "Delay falls with the link rate", Place: "Sec. 6.2", Note: "by half, as a long note says, which must not make the page wider than the window of a small phone", Outcome: "holds", Numbers: "ratio 0.2, 95 % interval 0.1 to 0.3"},
	{Name: "<b>markup</b>", Quotation: "a & b", Outcome: "fails", Numbers: "no"},
}

func writePage(t *testing.T, r *record.Results) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	var text bytes.Buffer
	if err := Write(&text, r, figure.Draw(r), sampleClaims); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPageInBrowser uses the page as a reader does: it points, toggles, tabs and
// prints. Any complaint of the browser fails it, and any request.
func TestPageInBrowser(t *testing.T) {
	b := openBrowser(t, writePage(t, pageResults(t)))
	const mark = `figure.interactive .mark`

	t.Run("widths", func(t *testing.T) {
		b.t = t
		b.fits(390)
		b.fits(1280)
	})
	t.Run("hover", func(t *testing.T) {
		b.t = t
		if tip := b.tip(); tip != "" {
			t.Errorf("before anything is pointed at, the page says %q", tip)
		}
		b.point(mark + " .sym")
		text := eval[string](b, `document.querySelector('`+mark+`').getAttribute('aria-label')`)
		if tip := b.tip(); tip == "" || tip != strings.Replace(text, ": ", "", 1) || !strings.Contains(tip, "n = ") || !strings.Contains(tip, "95 % interval") {
			t.Errorf("the mark of %q shows %q, want its value, interval and n", text, tip)
		}
		b.move(1, 1)
		if tip := b.tip(); tip != "" {
			t.Errorf("after the mouse left, the page still says %q", tip)
		}
	})
	t.Run("theme", func(t *testing.T) {
		b.t = t
		light := b.background()
		b.run(chromedp.Click(chromedp.CSS("#theme")))
		dark := b.background()
		if dark == light || eval[string](b, `document.documentElement.dataset.theme`) != "dark" {
			t.Errorf("the background is %s, and %s after the theme was toggled", light, dark)
		}
		b.run(chromedp.Click(chromedp.CSS("#theme")))
		if again := b.background(); again != light {
			t.Errorf("toggled twice, the background is %s, was %s", again, light)
		}
		// Without a choice the page follows the system.
		b.do(`localStorage.clear()`)
		b.run(chromedp.Navigate(b.file))
		b.prefer("dark")
		if followed := b.background(); followed != dark {
			t.Errorf("on a dark system the background is %s, want %s", followed, dark)
		}
		b.prefer("light")
	})
	t.Run("legend", func(t *testing.T) {
		b.t = t
		shown := func() int {
			return eval[int](b, `[...document.querySelectorAll('#fig17 .mark[data-k="0"], .interactive .mark[data-k="0"]')].filter(m => m.getClientRects().length).length`)
		}
		before := shown()
		b.do(`document.querySelector('button.key').focus()`)
		b.press(kb.Enter)
		if after := shown(); after >= before {
			t.Errorf("%d marks of the series are shown, and %d after it was switched off", before, after)
		}
		b.press(kb.Enter)
		if again := shown(); again != before {
			t.Errorf("%d marks are shown after the series was switched on again, were %d", again, before)
		}
	})
	t.Run("keyboard", func(t *testing.T) {
		b.t = t
		b.run(chromedp.Navigate(b.file))
		b.press(kb.Tab)
		if first := eval[string](b, `document.activeElement.className`); first != "skip" {
			t.Errorf("the first stop is %q, want the link that skips to the content", first)
		}
		stops := eval[int](b, `[...document.querySelectorAll('a, button, summary, [tabindex="0"]')].filter(e => e.checkVisibility({contentVisibilityAuto: true})).length`)
		seen := eval[int](b, `(window.seen = new Set([document.activeElement])).size`)
		marks, unseen := 0, []string{}
		for range stops + 5 {
			b.press(kb.Tab)
			where := eval[struct {
				Body, Mark, Visible bool
				Text                string
				Size                int
			}](b, `(() => {
				const e = document.activeElement, s = getComputedStyle(e);
				seen.add(e);
				const mark = e.matches('.mark');
				return {Body: e === document.body, Mark: mark, Size: seen.size, Text: e.outerHTML.slice(0, 120),
					Visible: mark ? !document.getElementById('tip').hidden : s.outlineStyle !== 'none'};
			})()`)
			if where.Body {
				break
			}
			seen = where.Size
			if where.Mark {
				marks++
			}
			if !where.Visible {
				unseen = append(unseen, where.Text)
			}
		}
		if seen < stops || marks == 0 {
			t.Errorf("Tab reached %d of %d stops, %d of them marks", seen, stops, marks)
		}
		if len(unseen) > 0 {
			t.Errorf("the focus does not show on %q", unseen)
		}
		b.do(`document.querySelector('` + mark + `').focus()`)
		first := b.tip()
		b.press(kb.ArrowRight)
		second := b.tip()
		if first == "" || second == "" || first == second {
			t.Errorf("an arrow key moves from %q to %q", first, second)
		}
		b.press(kb.Home)
		if home := b.tip(); home != first {
			t.Errorf("Home leads to %q, want %q", home, first)
		}
		b.do(`document.querySelector('figure summary').focus()`)
		b.press(kb.Enter)
		if !eval[bool](b, `document.querySelector('figure details').open`) {
			t.Error("Enter does not open the table behind a figure")
		}
	})
	t.Run("print", func(t *testing.T) {
		b.t = t
		pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(pdf, []byte("%PDF-")) || bytes.Count(pdf, []byte("/Type /Page\n")) < 2 {
			t.Errorf("printed %d bytes with %d pages", len(pdf), bytes.Count(pdf, []byte("/Type /Page\n")))
		}
		b.media("print", "dark")
		if nav, paper := eval[string](b, `getComputedStyle(document.querySelector('nav')).display`), b.background(); nav != "none" || paper != "rgb(255, 255, 255)" {
			t.Errorf("in print the contents are %s and the paper is %s, want none and white", nav, paper)
		}
		b.prefer("light")
		if dir := *screenshots; dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "report.pdf"), pdf, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	})
	b.t = t
	b.shoot("report")
}

// slower returns results whose executions took longer by a factor.
func slower(r *record.Results, factor float64) *record.Results {
	other := *r
	other.Name = "results/slower/records.jsonl"
	other.Cells = slices.Clone(r.Cells)
	for i := range other.Cells {
		executions := slices.Clone(other.Cells[i].Executions)
		for k := range executions {
			executions[k].DelayNS = int64(float64(executions[k].DelayNS) * (factor + 0.001*float64(k)))
		}
		other.Cells[i].Executions = executions
	}
	return &other
}

// TestComparisonInBrowser looks at two results side by side.
func TestComparisonInBrowser(t *testing.T) {
	r := pageResults(t)
	file := filepath.Join(t.TempDir(), "report.html")
	var text bytes.Buffer
	if err := WriteComparison(&text, side(r), side(slower(r, 1.1)), figure.NewTwo(r, slower(r, 1.1)).Draw()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, file)
	b.fits(390)
	b.fits(1280)
	b.point(".mark.hollow .sym")
	if tip := b.tip(); !strings.Contains(tip, "slower") {
		t.Errorf("a hollow mark says %q, want the second result's value", tip)
	}
	higher := eval[[]string](b, `[...document.querySelectorAll('#ratios table')[0].querySelectorAll('.change.higher')].map(e => e.textContent)`)
	cells := eval[int](b, `document.querySelectorAll('#ratios table')[0].querySelectorAll('td').length`)
	if cells == 0 || len(higher) != cells || !strings.HasPrefix(higher[0], "1.10") {
		t.Errorf("of %d ratios of delays %q are marked as higher, want all of them near 1.10", cells, higher)
	}
	if same := eval[[]string](b, `[...document.querySelectorAll('#ratios table')[1].querySelectorAll('.change')].map(e => e.textContent)`); len(same) > 0 {
		t.Errorf("the same traffic is marked as different: %q", same)
	}
	b.shoot("comparison")
}
