package configlint

// Level is how much a finding matters.
type Level string

// The levels. A note is for reading and fails nothing.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

// RuleID names a rule.
type RuleID string

// The rules.
const (
	RuleUnknownName   RuleID = "unknown-policy-name"
	RuleUnresolved    RuleID = "unresolved-policy"
	RuleDefault       RuleID = "default-policy"
	RuleNoProtocol    RuleID = "protocol-left-out"
	RuleOldVersion    RuleID = "old-tls-version"
	RuleNoSecrecy     RuleID = "no-forward-secrecy"
	RuleCBC           RuleID = "cbc-suites"
	RuleNoPostQuantum RuleID = "no-post-quantum"
	RuleMutualLeftOut RuleID = "mutual-tls-left-out"
	RuleMutualRemoved RuleID = "mutual-tls-removed"
	RuleConflict      RuleID = "conflicting-policies"
	RuleModule        RuleID = "module-not-read"
	RuleFile          RuleID = "file-not-read"   // found by who reports problems
	RuleClients       RuleID = "clients-refused" // found by who has a catalogue of clients
)

// Rule is one thing that is looked for.
type Rule struct {
	ID    RuleID
	Level Level  // at which it is reported, unless a finding says otherwise
	Short string // one sentence
	Help  string // what to do
	URI   string // where it is documented, "" if nowhere
}

const guide = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"

// Rules returns every rule there is.
func Rules() []Rule {
	return []Rule{
		{RuleUnknownName, LevelError, "No security policy of this name is known.",
			"AWS refuses a listener with a policy that does not exist; names are case-sensitive. 'alblab list policies' names them all.",
			guide + "describe-ssl-policies.html"},
		{RuleUnresolved, LevelNote, "The files do not tell the policy.",
			"Give the missing value (--var, --var-file), or lint the output of terraform show -json.", ""},
		{RuleDefault, LevelWarning, "Nobody named a policy: the tool's default is in effect.",
			"Name the policy. Defaults differ between tools, change between versions, and are often the oldest policy there is. A listener that exists may keep another one, which no file shows.",
			guide + "create-https-listener.html"},
		{RuleFile, LevelWarning, "A file, or a part of it, could not be read.",
			"What it configures is not judged. Mend the place that the message names.", ""},
		{RuleNoProtocol, LevelNote, "Nobody named a protocol: whether the listener speaks TLS depends on the version of Terraform's provider.",
			"Write protocol = \"HTTPS\".", "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lb_listener"},
		{RuleOldVersion, LevelWarning, "The policy in effect allows TLS 1.0 or TLS 1.1.",
			"RFC 8996 forbids both. 'alblab who-breaks' says which of your clients still need them; then name a TLS13-1-2 policy.",
			"https://www.rfc-editor.org/rfc/rfc8996"},
		{RuleNoSecrecy, LevelWarning, "The policy in effect has suites without forward secrecy.",
			"Whoever gets the certificate's key can read recorded traffic. Choose a policy without RSA key transport: a Res policy, or one of TLS 1.3.",
			guide + "describe-ssl-policies.html"},
		{RuleCBC, LevelNote, "The policy in effect has suites of CBC mode.",
			"Res policies have AEAD suites alone; clients of before 2014 may need CBC.",
			guide + "describe-ssl-policies.html"},
		{RuleNoPostQuantum, LevelNote, "The policy in effect has no post-quantum key exchange.",
			"Traffic recorded today can be read by a quantum computer later. Choose a PQ policy; 'alblab readiness' says which clients offer ML-KEM.",
			guide + "describe-ssl-policies.html"},
		{RuleMutualLeftOut, LevelWarning, "Mutual authentication is left out, which does not switch it off.",
			"Write the mode off. Tools leave alone what a file does not mention: a listener that verifies clients goes on to do so.",
			guide + "configuring-mtls-with-elb.html"},
		{RuleMutualRemoved, LevelError, "Mutual authentication was removed and stays on.",
			"Write the mode off and apply it; the setting can be removed afterwards.",
			guide + "configuring-mtls-with-elb.html"},
		{RuleConflict, LevelError, "Ingresses of one group name different policies for one port.",
			"The controller refuses the whole group. Name the policy on one of them, or in the IngressClassParams.",
			"https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/"},
		{RuleModule, LevelNote, "A module that seems to make listeners was not read.",
			"Run terraform init, so that its code is there, or lint the output of terraform show -json.", ""},
		{RuleClients, LevelNote, "Clients of the catalogue are refused by the policy in effect.",
			"'alblab matrix' and 'alblab simulate' show them; 'alblab who-breaks' says which of your own clients are among them.", ""},
	}
}

// RuleByID finds a rule.
func RuleByID(id RuleID) Rule {
	for _, r := range Rules() {
		if r.ID == id {
			return r
		}
	}
	panic("configlint: no rule " + string(id))
}

// Finding is what a rule found at a place.
type Finding struct {
	Rule     RuleID   `json:"rule"`
	Level    Level    `json:"level"`
	At       Position `json:"at"`
	Listener string   `json:"listener,omitempty"` // its address, "" where it is about none
	Message  string   `json:"message"`
}

func (r *Result) find(id RuleID, at Position, listener, message string) {
	r.Findings = append(r.Findings, Finding{Rule: id, Level: RuleByID(id).Level, At: at, Listener: listener, Message: message})
}
