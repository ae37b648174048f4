package svg

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTextsStayTexts draws any texts: the image is well-formed XML with as many
// elements as were drawn.
func TestTextsStayTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"</text><script>", "\x1b[31m", "\x00", "]]>", "&lt;", "a\nb"})).Draw(t, "text")
		var d Drawing
		d.Label("tick", 1, 2, text)
		d.Add(`<g aria-label="%s"/>`, Escape(text))

		elements := 0
		for decoder := xml.NewDecoder(strings.NewReader("<svg>" + d.String() + "</svg>")); ; {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q makes %s: %v", text, d.String(), err)
			}
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
		}
		if elements != 3 {
			t.Fatalf("%q makes %d elements: %s", text, elements, d.String())
		}
	})
}

func TestReach(t *testing.T) {
	var d, other Drawing
	d.Reach(-3, 7)
	d.Reach(5, -1)
	if d.Left != -3 || d.Right != 5 || d.Top != -1 || d.Bottom != 7 {
		t.Errorf("it reaches from %v, %v to %v, %v", d.Left, d.Top, d.Right, d.Bottom)
	}
	other.Label("a", 0, 0, "x")
	if d.Append(&other); d.String() != other.String() {
		t.Errorf("appended: %s", d.String())
	}
	if wide, narrow := TextWidth("MMM"), TextWidth("iii"); wide <= narrow {
		t.Errorf("MMM is %v wide, iii %v", wide, narrow)
	}
}
