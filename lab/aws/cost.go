package aws

import "time"

// Charge is one thing that a lab costs.
type Charge struct {
	What    string  `json:"what"`
	PerHour float64 `json:"per_hour"` // US dollars, us-east-1
}

// Charges is what a lab with everything costs by the hour in us-east-1, in November 2026: the sums of docs/aws-costs.md.
//
// Assumption: the load balancer's prices are those of https://aws.amazon.com/elasticloadbalancing/pricing/ as copied in
// September 2026, the others from experience; what a region charges may be a fifth more.
func Charges() []Charge {
	return []Charge{
		{"load balancer", 0.0225},
		{"at most one LCU", 0.008},
		{"three public IPv4 addresses", 0.015},
		{"trust store", 0.0056},
		{"two traffic mirror sessions", 0.030},
		{"instance for captures, with its disk", 0.0051},
		{"instance as target, with its disk", 0.0051},
		{"web ACL and two rules", 0.0095},
		{"dashboard, alarm, metric", 0.0046},
		{"logs", 0.0075},
	}
}

// Cost is what a lab costs in a time, in US dollars.
func Cost(d time.Duration) float64 {
	sum := 0.0
	for _, c := range Charges() {
		sum += c.PerHour
	}
	return sum * d.Hours()
}
