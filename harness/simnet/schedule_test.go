package simnet

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSchedule holds a schedule against a list: calls are made in the order of their
// times, and of their planning where these are equal; one that is planned again is made
// once; and the next that somebody could see is the one with the earliest deadline.
func TestSchedule(t *testing.T) {
	type planned struct {
		at, deadline int64
		made         int
	}
	rapid.Check(t, func(t *rapid.T) {
		s := newSchedule()
		s.firing = true // no timer is set
		var called []string
		plans := make([]*plan, 6)
		for i := range plans {
			plans[i] = newPlan(func(now int64) { called = append(called, fmt.Sprint(i, " at ", now)) })
		}
		model := map[int]planned{}

		time := rapid.Int64Range(0, 20)
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, len(plans)-1).Draw(t, "plan")
			now, waits := model[i]
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				s.drop(plans[i])
				delete(model, i)
			case 1:
				if deadline := time.Draw(t, "deadline"); waits {
					s.hasten(plans[i], deadline)
					now.deadline = min(now.deadline, max(now.at, deadline))
					model[i] = now
				}
			default:
				at, deadline := time.Draw(t, "at"), time.Draw(t, "deadline")
				s.set(plans[i], at, deadline)
				model[i] = planned{at, max(at, deadline), step}
			}

			first := int64(never)
			for k, p := range model {
				if first = min(first, p.deadline); !plans[k].waits() {
					t.Fatalf("plan %d does not wait", k)
				}
			}
			if s.next() != first || len(s.plans.list) != len(model) || len(s.deadlines.list) != len(model) {
				t.Fatalf("the first deadline is %d of %d and %d plans; want %d of %d",
					s.next(), len(s.plans.list), len(s.deadlines.list), first, len(model))
			}
		}

		var order []int
		for i := range model {
			order = append(order, i)
		}
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(model[a].at, model[b].at), cmp.Compare(model[a].made, model[b].made))
		})
		var want []string
		for _, i := range order {
			want = append(want, fmt.Sprint(i, " at ", model[i].at))
		}
		for len(s.plans.list) > 0 {
			s.call(s.plans.list[0])
		}
		if !slices.Equal(called, want) || s.next() != never {
			t.Fatalf("calls %q, want %q; the next at %d", called, want, s.next())
		}
	})
}
