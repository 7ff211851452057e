package catalog

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	utls "github.com/refraction-networking/utls"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

var update = flag.Bool("update", false, "rewrite clients/*.txt from uTLS and from the programs of this machine")

// shipped are the browsers that uTLS knows, and who they are. Years are those of the releases.
func shipped() []struct {
	id     utls.ClientHelloID
	client Client
} {
	type row = struct {
		id     utls.ClientHelloID
		client Client
	}
	var list []row
	add := func(id utls.ClientHelloID, family, version, platform string, year int) {
		name := strings.TrimSpace(family + " " + version + " " + platform)
		list = append(list, row{id, Client{Name: name + " (uTLS)", Family: family, Version: version, Platform: platform, Year: year}})
	}
	add(utls.HelloFirefox_55, "Firefox", "55", "", 2017)
	add(utls.HelloFirefox_56, "Firefox", "56", "", 2017)
	add(utls.HelloFirefox_63, "Firefox", "63", "", 2018)
	add(utls.HelloFirefox_65, "Firefox", "65", "", 2019)
	add(utls.HelloFirefox_99, "Firefox", "99", "", 2022)
	add(utls.HelloFirefox_102, "Firefox", "102", "", 2022)
	add(utls.HelloFirefox_105, "Firefox", "105", "", 2022)
	add(utls.HelloFirefox_120, "Firefox", "120", "", 2023)
	add(utls.HelloChrome_58, "Chrome", "58", "", 2017)
	add(utls.HelloChrome_62, "Chrome", "62", "", 2017)
	add(utls.HelloChrome_70, "Chrome", "70", "", 2018)
	add(utls.HelloChrome_72, "Chrome", "72", "", 2019)
	add(utls.HelloChrome_83, "Chrome", "83", "", 2020)
	add(utls.HelloChrome_87, "Chrome", "87", "", 2020)
	add(utls.HelloChrome_96, "Chrome", "96", "", 2021)
	add(utls.HelloChrome_100, "Chrome", "100", "", 2022)
	add(utls.HelloChrome_102, "Chrome", "102", "", 2022)
	add(utls.HelloChrome_106_Shuffle, "Chrome", "106", "", 2022)
	add(utls.HelloChrome_100_PSK, "Chrome", "100 resuming", "", 2022)
	add(utls.HelloChrome_112_PSK_Shuf, "Chrome", "112 resuming", "", 2023)
	add(utls.HelloChrome_114_Padding_PSK_Shuf, "Chrome", "114 resuming", "", 2023)
	add(utls.HelloChrome_115_PQ, "Chrome", "115 Kyber", "", 2023)
	add(utls.HelloChrome_115_PQ_PSK, "Chrome", "115 Kyber resuming", "", 2023)
	add(utls.HelloChrome_120, "Chrome", "120", "", 2023)
	add(utls.HelloChrome_120_PQ, "Chrome", "120 Kyber", "", 2023)
	add(utls.HelloChrome_131, "Chrome", "131", "", 2024)
	add(utls.HelloChrome_133, "Chrome", "133", "", 2025)
	add(utls.HelloIOS_11_1, "Safari", "11.1", "iOS 11.1", 2017)
	add(utls.HelloIOS_12_1, "Safari", "12.1", "iOS 12.1", 2018)
	add(utls.HelloIOS_13, "Safari", "13", "iOS 13", 2019)
	add(utls.HelloIOS_14, "Safari", "14", "iOS 14", 2020)
	add(utls.HelloSafari_16_0, "Safari", "16.0", "", 2022)
	add(utls.HelloAndroid_11_OkHttp, "Android", "11", "OkHttp", 2020)
	add(utls.HelloEdge_85, "Edge", "85", "", 2020)
	add(utls.HelloEdge_106, "Edge", "106", "", 2022)
	add(utls.Hello360_7_5, "360 Browser", "7.5", "", 0)
	add(utls.Hello360_11_0, "360 Browser", "11.0", "", 0)
	add(utls.HelloQQ_11_1, "QQ Browser", "11.1", "", 0)
	return list
}

// TestShipped holds the files of uTLS's browsers to uTLS: -update rewrites them. Chrome shuffles its extensions since
// version 106: their order is one of many.
func TestShipped(t *testing.T) {
	for _, s := range shipped() {
		t.Run(s.client.Name, func(t *testing.T) {
			u := utls.UClient(nil, &utls.Config{ServerName: host, OmitEmptyPsk: true}, s.id)
			require.NoError(t, u.BuildHandshakeState())
			c, err := FromHello(s.client.Name, u.HandshakeState.Hello.Raw)
			require.NoError(t, err)
			for _, e := range u.Extensions {
				if _, psk := e.(utls.PreSharedKeyExtension); psk {
					c.Extensions = append(c.Extensions, wire.ExtPreSharedKey) // there is no session to resume
				}
				if _, pad := e.(*utls.UtlsPaddingExtension); pad && !slices.Contains(c.Extensions, wire.ExtPadding) {
					c.Extensions = append(c.Extensions, wire.ExtPadding) // not needed at this length
				}
			}
			if v := u.HandshakeState.Hello.SupportedVersions; !slices.Contains(c.Extensions, wire.ExtSupportedVersions) && len(v) > 0 {
				c.Min = wire.Version(slices.Min(v))
			}
			c.Family, c.Version, c.Platform, c.Year = s.client.Family, s.client.Version, s.client.Platform, s.client.Year
			c.Source = "uTLS v1.8.2, " + s.id.Str() + " | https://github.com/refraction-networking/utls/blob/v1.8.2/u_parrots.go"
			compareFile(t, c, strings.Contains(s.id.Str(), "Chrome"))
		})
	}
}

// compareFile compares a client with its file, or rewrites that.
func compareFile(t *testing.T, c *Client, anyOrder bool) {
	t.Helper()
	want, err := c.AppendText(nil)
	require.NoError(t, err)
	name := filepath.Join("clients", c.FileName())
	got, err := os.ReadFile(name)
	same := err == nil && anyOrder && slices.Equal(sortedLines(want), sortedLines(got)) // another order is no news
	if *update {
		if !same {
			require.NoError(t, os.WriteFile(name, want, 0o644))
		}
		return
	}
	require.NoError(t, err, "go test ./clients/catalog -update writes it")
	if anyOrder {
		require.Equal(t, sortedLines(want), sortedLines(got))
		return
	}
	require.Equal(t, string(want), string(got))
}

func sortedLines(text []byte) []string { return slices.Sorted(strings.Lines(string(text))) }
