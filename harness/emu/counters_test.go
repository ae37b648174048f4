package emu

import "testing"

func TestParseCounters(t *testing.T) {
	const text = "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: RtoMin MaxConn RetransSegs\nTcp: 200 -1 17\n"
	got := map[string]int64{}
	if err := parseCounters(text, "Tcp:", got); err != nil || got["RetransSegs"] != 17 || got["MaxConn"] != -1 || len(got) != 3 {
		t.Errorf("parsed %v, %v", got, err)
	}
	for _, bad := range []string{"", "Tcp: A B\n", "Tcp: A B\nTcp: 1\n", "Tcp: A\nTcp: x\n"} {
		if err := parseCounters(bad, "Tcp:", got); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
