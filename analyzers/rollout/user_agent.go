package rollout

import (
	"regexp"
	"strconv"
	"strings"
)

// agentRule finds a family of the catalogue, and a version, in a user agent.
type agentRule struct {
	family string
	find   *regexp.Regexp // its first group is the version
}

// agentRules are tried in order: many user agents hold the names of others.
// https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent
var agentRules = []agentRule{
	{"Googlebot", regexp.MustCompile(`Googlebot`)},
	{"BingPreview", regexp.MustCompile(`BingPreview`)},
	{"BingBot", regexp.MustCompile(`(?i)bingbot`)},
	{"YandexBot", regexp.MustCompile(`YandexBot`)},
	{"Baidu bot", regexp.MustCompile(`Baiduspider`)},
	{"Yahoo Slurp", regexp.MustCompile(`Yahoo! Slurp`)},
	{"Thunderbird", regexp.MustCompile(`Thunderbird/([\d.]+)`)},
	{"Edge", regexp.MustCompile(`Edge?(?:A|iOS)?/([\d.]+)`)},
	{"Opera", regexp.MustCompile(`(?:OPR|Opera)/([\d.]+)`)},
	{"IE", regexp.MustCompile(`MSIE ([\d.]+)|Trident/.*rv:([\d.]+)`)},
	{"Safari", regexp.MustCompile(`(?:CPU|iPhone) OS ([\d_]+) like Mac OS X.*(?:CriOS|FxiOS)`)}, // WebKit's TLS, whatever the name
	{"Chrome", regexp.MustCompile(`(?:Chrome|Chromium|HeadlessChrome)/([\d.]+)`)},
	{"Firefox", regexp.MustCompile(`Firefox/([\d.]+)`)},
	{"Java", regexp.MustCompile(`Java/([\d._]+)`)},
	{"Java", regexp.MustCompile(`Java-http-client/([\d._]+)`)},
	{"Android", regexp.MustCompile(`Dalvik/.*Android ([\d.]+)`)},
	{"Android", regexp.MustCompile(`Android ([\d.]+).*Version/[\d.]+ (?:Mobile )?Safari`)},
	{"Safari", regexp.MustCompile(`Version/([\d.]+).*Safari/`)},
	{"Android", regexp.MustCompile(`^okhttp/`)},
	{"curl", regexp.MustCompile(`^curl/([\d.]+)`)},
	{"Python", regexp.MustCompile(`(?i)python/([\d.]+)|^python-(?:requests|urllib3?)/`)},
	{"Go", regexp.MustCompile(`^Go-http-client/`)},
	{"Node", regexp.MustCompile(`(?i)^(?:node|undici|axios|node-fetch|got)\b(?:/([\d.]+))?`)},
}

// windowsNames are the catalogue's names of Windows' versions, whose Schannel is Internet Explorer's TLS.
// https://learn.microsoft.com/windows/win32/sysinfo/operating-system-version
var windowsNames = map[string]string{"5.1": "XP", "6.0": "Vista", "6.1": "Win 7", "6.3": "Win 8.1", "10.0": "Win 10"}

// agent is what a user agent says of itself.
type agent struct {
	family  string
	version []int // empty: it does not say
	// platform as the catalogue's names have it, where the TLS library is the system's: "Win 7"
	platform string
}

// parseAgent recognises a user agent; ok is false if the catalogue has no such family.
func parseAgent(s string) (a agent, ok bool) {
	for _, r := range agentRules {
		m := r.find.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		a.family = r.family
		for _, v := range m[1:] {
			if v != "" {
				a.version = versionNumbers(v)
			}
		}
		if a.family == "Java" && len(a.version) > 1 && a.version[0] == 1 {
			a.version = a.version[1:] // 1.8.0_292 is Java 8
		}
		if a.family == "Node" && !strings.HasPrefix(strings.ToLower(s), "node/") {
			a.version = nil // a library's own
		}
		if a.family == "IE" {
			for nt, name := range windowsNames {
				if strings.Contains(s, "Windows NT "+nt) {
					a.platform = name
				}
			}
		}
		return a, true
	}
	return a, false
}

// versionNumbers reads the numbers of "17.0.3", "8u161" or "1.8.0_292".
func versionNumbers(s string) (out []int) {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(part)
		if err != nil || len(out) == 4 {
			return out
		}
		out = append(out, n)
	}
	return out
}
