package record

// Kinds of claims. Of and Order name values on the Series axis; a or "a / b"
// below is an element of Of: a series, or the ratio of two.
const (
	// ClaimOrder: the series named in Order stand in that order, the greatest
	// first, at each point.
	ClaimOrder = "order"
	// ClaimRatio: "a / b" lies between AtLeast and AtMost at each point.
	ClaimRatio = "ratio"
	// ClaimNear: "a / b" differs from 1 by at most the factor 1 + Within at each
	// point.
	ClaimNear = "near"
	// ClaimCrossover: "a / b" is below 1 up to From along the axis Along, and
	// above 1 from To on: a, the smaller, loses its lead in between.
	ClaimCrossover = "crossover"
	// ClaimRises and ClaimFalls: a, or "a / b", grows or shrinks with every step
	// along the axis Along.
	ClaimRises = "rises"
	ClaimFalls = "falls"
	// ClaimFlat: a, or "a / b", stays within the factor 1 + Within of its value at
	// the start of the axis Along.
	ClaimFlat = "flat"
	// ClaimGrowth: the value at To is between AtLeast and AtMost times that at
	// From.
	ClaimGrowth = "growth"
	// ClaimHighest: a, or "a / b", is greater at At than anywhere else along the
	// axis Along.
	ClaimHighest = "highest"
)

// ClaimKinds lists the kinds of claims.
var ClaimKinds = []string{ClaimOrder, ClaimRatio, ClaimNear, ClaimCrossover, ClaimRises, ClaimFalls,
	ClaimFlat, ClaimGrowth, ClaimHighest}

// Claim is a sentence of the paper, or of a scenario's author, made checkable.
// It is about a metric's mean at each point that Where leaves: every combination
// of the values on the axes other than Series (and Along, where the kind has
// it).
type Claim struct {
	// Name is short and unique in the scenario, for instance "fig18-order".
	Name string `json:"name" yaml:"name" required:"true"`
	// Place is where the sentence stands, Quote the sentence.
	Place string `json:"place" yaml:"place" required:"true"`
	Quote string `json:"quote" yaml:"quote" required:"true"`
	// Note says how the words were made numbers, where that took a choice.
	Note string `json:"note,omitempty" yaml:"note"`
	// Kind is one of ClaimKinds.
	Kind string `json:"kind" yaml:"kind" required:"true"`
	// Metric is one of Metrics.
	Metric string `json:"metric" yaml:"metric" required:"true"`
	// Series is the axis whose values Of and Order name.
	Series string   `json:"series" yaml:"series" required:"true"`
	Of     []string `json:"of,omitempty" yaml:"of"`
	Order  []string `json:"order,omitempty" yaml:"order"`
	// Where keeps only the given values of the named axes.
	Where map[string][]string `json:"where,omitempty" yaml:"where"`
	// Along is the axis that the kinds about a course go along.
	Along string `json:"along,omitempty" yaml:"along"`
	// From, To and At are values on Along.
	From string `json:"from,omitempty" yaml:"from"`
	To   string `json:"to,omitempty" yaml:"to"`
	At   string `json:"at,omitempty" yaml:"at"`
	// Within is a share, for instance 0.1; AtLeast and AtMost are factors. 0
	// means no bound.
	Within  float64 `json:"within,omitempty" yaml:"within"`
	AtLeast float64 `json:"at_least,omitempty" yaml:"at-least"`
	AtMost  float64 `json:"at_most,omitempty" yaml:"at-most"`
	// Any makes the claim hold where it holds at one point at least ("not always
	// lower"); otherwise it must hold at all of them.
	Any bool `json:"any,omitempty" yaml:"any"`
}
