package aws

import "time"

// Charge is one thing that a lab costs.
type Charge struct {
	What     string
	Unit     float64 // US dollars an hour for one, us-east-1
	Count    int
	Of       string // how AWS states the price
	Certain  string // high: read in a copy of the price page; medium: known, and not looked up again
	Optional bool   // not in the least lab
}

// PerHour is what it costs an hour in US dollars.
func (c *Charge) PerHour() float64 { return c.Unit * float64(c.Count) }

// month is the hours that AWS counts a month as.
const month = 730

// Charges is what a lab with everything costs by the hour in us-east-1, in November 2026. It is the one table of prices: docs/aws-costs.md
// is written from it, and commands add it up.
//
// Assumption: the load balancer's prices are those of https://aws.amazon.com/elasticloadbalancing/pricing/ as copied in
// September 2026, the others from experience; what a region charges may be a fifth more.
func Charges() []Charge {
	const nano, disk = 0.0042, 8 * 0.08 / month
	return []Charge{
		{"Application Load Balancer", 0.0225, 1, "0.0225 an hour", "high", false},
		{"LCU, at most one", 0.008, 1, "0.008 an hour", "high", false},
		{"public IPv4 addresses of the load balancer's nodes", 0.005, 2, "0.005 an hour each", "medium", false},
		{"dashboard", 3.0 / month, 1, "3 a month; an account's first three are free", "medium", false},
		{"alarm", 0.10 / month, 1, "0.10 a month", "medium", false},
		{"metric of the filter", 0.30 / month, 1, "0.30 a month", "medium", false},
		{"logs, at most 15 MB an hour", 0.50 * 0.015, 1, "0.50 a GB taken in", "medium", false},
		{"trust store", 0.0056, 1, "0.0056 an hour", "medium", true},
		{"web ACL", 5.0 / month, 1, "5 a month", "medium", true},
		{"its rules", 1.0 / month, 2, "1 a month each", "medium", true},
		{"traffic mirror sessions", 0.015, 2, "0.015 an hour each", "medium", true},
		{"capturing instance, t4g.nano", nano, 1, "0.0042 an hour", "medium", true},
		{"its disk, 8 GB gp3", disk, 1, "0.08 a GB and month", "medium", true},
		{"its public IPv4 address", 0.005, 1, "0.005 an hour", "medium", true},
		{"target, t4g.nano with its disk (only if a listener forwards)", nano + disk, 1, "as the capturing instance", "medium", true},
	}
}

// Cost is what a lab with everything costs in a time, in US dollars.
func Cost(d time.Duration) float64 {
	sum := 0.0
	for _, c := range Charges() {
		sum += c.PerHour()
	}
	return sum * d.Hours()
}
