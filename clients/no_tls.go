package clients

// noTLSProfiles are clients that do not speak TLS at all.
func noTLSProfiles() []*Profile {
	return []*Profile{
		{Name: "plain-http", Doc: "plain HTTP sent to a TLS port, as curl http://HOST:443 does", Kind: KindRaw,
			Raw: []byte("GET / HTTP/1.1\r\nHost: lab.alblab.example:443\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n")},
		{Name: "ssh", Doc: "an SSH client at the wrong port", Kind: KindRaw, Raw: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n")},
		{Name: "silent", Doc: "connects and says nothing", Kind: KindSilent},
	}
}
