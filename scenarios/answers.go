package scenarios

// Answer is what a run in an account says to a question that only an account can settle.
type Answer struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	// Embedded is what the embedded lab does, and so assumes; "" where the question has no meaning there.
	Embedded string `json:"embedded,omitempty"`
}
