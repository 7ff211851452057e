package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/alblab/alblab/analyzers/matrix"
	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

func newOut(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

// rowsOf makes rows of what captures showed, and counts the connections whose hello is not known.
func rowsOf(t *rollout.Traffic) (rows []matrix.Row, without int) {
	slices.SortFunc(t.Clients, func(a, b *rollout.Client) int {
		return cmp.Or(-cmp.Compare(connections(a), connections(b)), cmp.Compare(a.Name, b.Name))
	})
	for _, c := range t.Clients {
		n := 0
		for _, u := range c.Uses {
			o := t.Offers[u.Offer]
			if o.Hello == nil {
				without += int(u.Connections)
				continue
			}
			name := cmp.Or(o.JA4, c.Name)
			if n++; n > 1 {
				name += fmt.Sprintf(" #%d", n)
			}
			note := strings.Join(slices.Concat(c.Addresses, c.ServerNames), ", ")
			const recordHeader = 5 // the hello's message stands in one record, as long as it is shorter than 16 KiB
			rows = append(rows, matrix.Row{Name: name, Note: note, Connections: u.Connections, Hello: o.Hello, Bytes: o.Hello.Len + recordHeader})
		}
	}
	return rows, without
}

func connections(c *rollout.Client) (n int64) {
	for _, u := range c.Uses {
		n += u.Connections
	}
	return n
}

func (a *app) printMatrix(m *matrix.Matrix, source matrix.Source, format string) error {
	switch format {
	case "html":
		return m.WriteHTML(a.out, source)
	case "csv":
		return a.matrixCSV(m)
	case "json":
		return a.json(newMatrixJSON(m))
	}
	a.matrixText(m)
	return nil
}

// matrixText prints a letter for each cell: all policies beside a name fit 80 columns.
func (a *app) matrixText(m *matrix.Matrix) {
	longest := 0
	for _, row := range m.Rows {
		longest = max(longest, len([]rune(row.Name)))
	}
	nameColumns := max(min(longest+2, columns-1-len(m.Policies)), 20)
	tens, units := strings.Repeat(" ", nameColumns), strings.Repeat(" ", nameColumns)
	for i := range m.Policies {
		t := " "
		if (i+1)%10 == 0 {
			t = strconv.Itoa((i + 1) / 10 % 10)
		}
		tens += t
		units += strconv.Itoa((i + 1) % 10)
	}
	if len(m.Policies) >= 10 {
		fmt.Fprintln(a.out, strings.TrimRight(tens, " "))
	}
	fmt.Fprintln(a.out, units)
	seen := map[matrix.Class]bool{}
	for r, row := range m.Rows {
		fmt.Fprintf(a.out, "%-*s", nameColumns, cut(row.Name, nameColumns-1))
		for p := range m.Policies {
			c := matrix.Of(m.At(r, p))
			seen[c] = true
			fmt.Fprint(a.out, a.paint(classColor(c), string(c)))
		}
		fmt.Fprintln(a.out)
	}
	fmt.Fprintln(a.out)
	for _, c := range matrix.Classes() {
		if seen[c] {
			fmt.Fprintf(a.out, "%s  %s\n", a.paint(classColor(c), string(c)), c.Words())
		}
	}
	fmt.Fprintln(a.out)
	t := a.newTable("no", "policy", "connect", "refused")
	for p, pol := range m.Policies {
		s := m.OfPolicy(p)
		t.AppendRow([]any{p + 1, rollout.Short(pol.Name), s.Connects, s.Refused})
	}
	fmt.Fprintln(a.out, t.Render())
	fmt.Fprintf(a.out, "\n%s, %s, certificates %s\n", plural(len(m.Rows), "client"), policiesCount(len(m.Policies)), m.Certs)
}

func policiesCount(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return fmt.Sprintf("%d policies", n)
}

func classColor(c matrix.Class) text.Color {
	switch c {
	case matrix.TLS13, matrix.TLS12:
		return text.FgBlue
	case matrix.Retry:
		return text.FgCyan
	case matrix.TLS11, matrix.TLS10, matrix.Unoffered:
		return text.FgYellow
	}
	return text.FgRed
}

// matrixCSV prints a line for each cell.
func (a *app) matrixCSV(m *matrix.Matrix) error {
	w := csv.NewWriter(a.out)
	_ = w.Write([]string{"client", "family", "year", "connections", "policy", "outcome", "version", "cipher", "group", "signature_scheme", "reason", "words"})
	for r, row := range m.Rows {
		for p, pol := range m.Policies {
			d := m.At(r, p)
			line := []string{row.Name, row.Family, number(row.Year), number(int(row.Connections)), pol.Name, d.Outcome.String(), "", "", "", "", "", m.Words(r, p)}
			if d.Version != 0 {
				line[6], line[7] = d.Version.String(), d.Suite.String()
			}
			if d.Group != 0 {
				line[8] = d.Group.String()
			}
			if d.Scheme != 0 {
				line[9] = d.Scheme.String()
			}
			if d.Reason != policy.ReasonNone {
				line[10] = d.Reason.String()
			}
			_ = w.Write(line)
		}
	}
	w.Flush()
	return w.Error()
}

// number is empty for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

type matrixJSON struct {
	Schema      string             `json:"schema"`
	Certificate string             `json:"certificate"`
	Policies    []matrixPolicyJSON `json:"policies"`
	Clients     []matrixClientJSON `json:"clients"`
}

type matrixPolicyJSON struct {
	Policy             string `json:"policy"`
	Connect            int    `json:"connect"`
	HelloRetry         int    `json:"hello_retry"`
	Refused            int    `json:"refused"`
	ConnectionsRefused *int64 `json:"connections_refused"` // null of a catalogue
}

type matrixClientJSON struct {
	Client      string            `json:"client"`
	Family      *string           `json:"family"`
	Note        *string           `json:"note"`
	Year        *int              `json:"year"`
	Connections *int64            `json:"connections"`
	Answers     []policy.Decision `json:"answers"` // in the order of policies
}

func newMatrixJSON(m *matrix.Matrix) matrixJSON {
	j := matrixJSON{Schema: "alblab.matrix/1", Certificate: m.Certs.String(), Policies: []matrixPolicyJSON{}, Clients: []matrixClientJSON{}}
	weighted := slices.ContainsFunc(m.Rows, func(r matrix.Row) bool { return r.Connections > 0 })
	for p, pol := range m.Policies {
		s := m.OfPolicy(p)
		line := matrixPolicyJSON{Policy: pol.Name, Connect: s.Connects, HelloRetry: s.Retries, Refused: s.Refused}
		if weighted {
			line.ConnectionsRefused = &s.Connections
		}
		j.Policies = append(j.Policies, line)
	}
	for r, row := range m.Rows {
		c := matrixClientJSON{Client: row.Name, Family: orNull(row.Family), Note: orNull(row.Note), Answers: []policy.Decision{}}
		if row.Year != 0 {
			c.Year = &row.Year
		}
		if weighted {
			c.Connections = &row.Connections
		}
		for p := range m.Policies {
			c.Answers = append(c.Answers, m.At(r, p))
		}
		j.Clients = append(j.Clients, c)
	}
	return j
}

// groupNames are the text forms of groups, never null.
func groupNames(list []wire.Group) []string { return texts(list) }
