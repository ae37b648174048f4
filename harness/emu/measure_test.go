package emu

import (
	"testing"
	"time"

	"edgebed/harness/units"
)

func TestScratch(t *testing.T) {
	for _, rate := range paperRates {
		n := build(t, ring6(t, Override{Rate: &rate, Delay: new(time.Millisecond)}), Options{})
		for range 2 {
			start := time.Now()
			list, err := n.Measure(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Log(rate, time.Since(start))
			for _, m := range list {
				t.Logf("%s %+.3f%% delay %+v lost %d", m.Link, 100*(float64(m.Rate)/float64(rate)-1), m.Delay-m.Asked.Delay, m.Lost)
			}
		}
		sh, _ := n.Shapers()
		t.Log(sh)
	}
	_ = units.Mbps
}
