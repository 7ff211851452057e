// Package scenarios holds the situations that the labs reproduce, each with a name, and runs them: one lab for all of
// them, one collection of evidence, a verdict for each that compares what was wanted with what was found.
//
// Start with [All] and [Run]. A scenario is plain data; Run makes the calls. The package does not know which lab it
// drives: the caller hands in how one is started.
package scenarios

import (
	"net/http"
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// Scenario is one situation: what lab it needs, what is done there, and what must be found.
type Scenario struct {
	Name  string           // kebab-case, unique
	Doc   string           // one sentence
	Spec  lab.Spec         // what it needs of a lab; a listener with port 0 gets a port of the run
	Needs []lab.Capability // a lab that lacks one skips the scenario and says so
	Steps []Step           // carried out in order
	Want  Want             // beyond what each step wants
	// Assumed names the expectations that no source documents. A lab in an AWS account that differs there has taught
	// us something; it has not failed.
	Assumed []Assumption
}

// Fact names one sort of expectation, so that an assumption can say which it is about.
type Fact string

// The facts that a verdict compares.
const (
	FactClient     Fact = "client"     // what the client saw
	FactFinding    Fact = "finding"    // what the analyzers say of a connection
	FactFlow       Fact = "flow"       // packets, bytes, flags and action of its flow records
	FactConnection Fact = "connection" // its line in the connection log
	FactAccess     Fact = "access"     // its lines in the access log
	FactWAF        Fact = "waf"        // records of the web ACL
	FactMetrics    Fact = "metrics"    // the load balancer's metrics
	FactFilter     Fact = "filter"     // what a CloudWatch Logs filter pattern finds
	FactCanary     Fact = "canary"     // evidence of the request that proves absence
	FactCapture    Fact = "capture"    // what the packets show
)

// Assumption is an expectation without a source.
type Assumption struct {
	Text  string
	Facts []Fact // that rest on it
}

// Action says what a step does.
type Action uint8

// The actions.
const (
	Call  Action = iota // connect and run the step's Profile
	Probe               // connect to a port that should not answer, and give up
	SYN                 // one SYN to the port, half-open (lab.Scanner)
)

// Step is one thing that a client does, once or several times in a row, each time on a connection of its own.
type Step struct {
	Name     string // unique in the scenario, for the report
	Action   Action
	Listener string // a listener of the scenario's Spec; with Probe also a bare port, ":8080"
	Profile  *clients.Profile
	From     lab.Vantage
	Cert     pki.Kind    // client certificate, "" none
	Path     string      // "" is "/"
	Header   http.Header // added to the request
	Times    int         // connections, 0 means 1
	Requests int         // requests on each connection, 0 means 1
	Minute   int         // of the scenario's slot, from 0; must not fall from step to step
	// Outlast lets so much of the lab's time pass while the connection is open, before the client looks at it again.
	Outlast time.Duration
	// Manner is how the client behaves besides what it offers. Where it pauses, Outlast is the most that it takes.
	Manner   *clients.Manner
	Distrust bool     // the client trusts no CA
	Link     lab.Link // the path of the client's address during the step (capability LinkFaults); a bad one needs Outlast too
	Want     ConnWant // of each of its connections
}

// All returns every scenario, in the order in which they are listed and run.
func All() []*Scenario {
	all := []*Scenario{
		experiment1(), experiment2(),
		tls11Refused(), tls10Refused(), oldClientAccepted(),
		noCommonSuite(), noCommonGroup(),
		tls12HTTP1(), tls12H2(), tls13HTTP1(), tls13H2(),
		postQuantumAccepted(), postQuantumRefused(),
		mtlsNoCertificateTLS12(), mtlsNoCertificateTLS13(), mtlsRightCertificate(),
		mtlsIncompatible(), mtlsHeaders(), mtlsIgnoreExpiry(),
		passthroughCertificate(), passthroughNoCertificate(), passthroughBadCertificates(),
		wafBlock(), wafAbsence(),
		closedPort(), synScan(), connectSilent(), plainHTTP(),
		portScan(), healthCheck(), serverDistrusted(), clientGivesUp(), clientFallsSilent(), idleTimeout(),
		splitHello(), slowHello(), helloTooLarge(), garbageBytes(), fallbackRefused(), renegotiation(),
		windowEdge(), badPath(), oneAddress(), overIPv6(),
	}
	return append(all, mtlsKinds(false)...)
}

// Long returns the scenarios that are left out of All because they take seconds each: those with large RSA keys.
func Long() []*Scenario { return mtlsKinds(true) }
