package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alblab/alblab/lab/evidence"
)

// attemptsFile is the clients' own view in a bundle.
const attemptsFile = "attempts.jsonl"

// withAttempts returns the bundle with attempts.jsonl: a line for each attempt, with the scenario and step it belongs to.
func withAttempts(b *evidence.Bundle, attempts []*attempt) (*evidence.Bundle, error) {
	s, err := evidence.NewStore("", nil)
	if err != nil {
		return nil, err
	}
	if err := s.Copy(b); err != nil {
		return nil, err
	}
	out, err := s.Append(attemptsFile, evidence.KindAttempts, "")
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		line, err := a.json()
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", attemptsFile, err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return nil, err
		}
	}
	return s.Seal(b.Manifest)
}

// json puts the scenario's and the step's name in front of what the client saw.
func (a *attempt) json() ([]byte, error) {
	who, err := json.Marshal(struct {
		Scenario string `json:"scenario"`
		Step     string `json:"step"`
	}{a.scenario.Name, a.step.Name})
	if err != nil {
		return nil, err
	}
	saw, err := json.Marshal(&a.Attempt)
	if err != nil {
		return nil, err
	}
	if len(saw) <= len("{}") {
		return who, nil
	}
	return append(append(who[:len(who)-1], ','), saw[1:]...), nil
}

// reportFile is the verdicts beside the evidence.
const reportFile = "report.json"

// Save writes the report and the bundles into a folder. The first bundle's files lie in it, those of further labs in
// folders below it. What can be written is written also if something else cannot.
func (r *Report) Save(dir string) error {
	var errs []error
	for i, b := range r.Bundles {
		errs = append(errs, b.Save(filepath.Join(dir, Folder(i))))
	}
	text, err := r.JSON()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, reportFile), text, 0o644)
	}
	return errors.Join(append(errs, err)...)
}

// Folder is where [Report.Save] puts the bundle with an index: "" for the first, in the folder itself.
func Folder(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("lab-%d", i+1)
}

// JSON is the report as text, indented, with a line end.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return append(text, '\n'), nil
}
