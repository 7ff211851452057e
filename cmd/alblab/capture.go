package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
)

const captureHelp = `Say what each connection of a packet capture offered, what the server answered,
and how it ended.

FILE is pcap or pcapng, also packed with gzip; - is standard input. Ethernet
with VLAN tags, Linux cooked, raw IP and loopback captures are read, of IPv4 and
IPv6, and what is inside of VXLAN (a target of VPC traffic mirroring) or GENEVE
(an appliance behind a Gateway Load Balancer). Nothing is decrypted: a hello and
its answer travel in clear.

Of each TCP connection: both ends; the ClientHello with server name, ALPN,
versions, suites, groups, signature schemes, JA3 and JA4; the answer, one of

  server-hello  with version, suite, and group where it can be seen
  hello-retry   the server wants another key share, and then nothing came
  alert         with its name
  rst, fin      the server ended the connection without a word
  silence       acknowledgements at most
  not-tls       bytes that are not TLS
  unseen        packets of the server are missing in the capture
  none          there was no hello to answer

who ended it and when; packets and bytes as a VPC flow log counts them.

--format json writes one JSON object a line, --format csv a row for each
connection. What cannot be read is warned of with its packet and its place in
the file; with --strict the exit code is then 2. Ctrl-C keeps what was found.`

func captureCommand(a *app) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "capture FILE|-...",
		Short: "Say what was offered and answered in a packet capture",
		Long:  captureHelp,
		Example: `  alblab capture capture.pcap
  alblab capture --format csv mirror.pcapng.gz > connections.csv
  sudo tcpdump -i eth0 -w - 'tcp port 443' | alblab capture -

  # clients that were refused, by fingerprint:
  alblab capture --format json *.pcap |
      jq -r 'select(.answer == "alert") | .hello.ja4' | sort | uniq -c`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, errors.New("say which files: packet captures, or - for standard input"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 2 if a part of the input cannot be read")
	f := formatFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := &captured{app: a}
		switch f.value {
		case "json":
			c.out = newCaptureJSON(a.out)
		case "csv":
			c.out = newCaptureCSV(a.out)
		default:
			c.out = &captureText{out: a.out}
		}
		for _, path := range args {
			if err := c.file(cmd.Context(), path); err != nil {
				return err
			}
		}
		return c.finish(cmd.Context(), strict)
	}
	return cmd
}

// captureWriter writes connections in one of the formats.
type captureWriter interface {
	write(file string, c *capture.Conversation) error
	summary(c *captured) error
}

// captured reads captures.
type captured struct {
	app     *app
	out     captureWriter
	files   int
	answers [capture.AnswerUnseen + 1]int
	conns   int
	hellos  int
	stats   capture.Stats
	damaged int
}

// limits bound the memory of the command. A usual capture takes 45 MB; only one whose connections are all open at once comes near to
// these.
func limits(s *capture.Stats) *capture.Limits {
	return &capture.Limits{Open: 1 << 17, Bytes: 192 << 20, Stats: s}
}

// file reads one capture.
func (c *captured) file(ctx context.Context, path string) error {
	in, name, err := c.app.open([]string{path})
	if err != nil {
		return err
	}
	defer in.Close()
	var st capture.Stats
	warned, hellos, conns := 0, c.hellos, c.conns
	for conv, err := range capture.Connections(interruptible(ctx, in), &evidence.Options{File: name}, limits(&st)) {
		switch {
		case err != nil && !evidence.IsDamage(err):
			return fmt.Errorf("%s: %w", name, err)
		case err != nil:
			if warned++; warned <= fewWarnings {
				c.app.warn("%v", err)
			}
			continue
		}
		c.conns++
		c.answers[conv.Answer()]++
		if conv.Hello != nil {
			c.hellos++
		}
		if err := c.out.write(name, conv); err != nil {
			return err
		}
	}
	if warned > fewWarnings {
		c.app.warn("%s: and %d more", name, warned-fewWarnings)
	}
	if c.conns == conns && warned > 0 && st.Frames <= st.Damaged {
		return hint(fmt.Errorf("nothing in %s could be read", name), "captures are pcap or pcapng files; tcpdump -w and Wireshark write them")
	}
	c.add(&st)
	c.damaged += warned
	if c.hellos == hellos && ctx.Err() == nil {
		c.nothing(name, &st)
	}
	if st.Evicted > 0 {
		c.app.warn("%s: too many connections were open at once: %d were given up early, and may come twice", name, st.Evicted)
	}
	return nil
}

// nothing says that there is no TLS in a file, and what there is.
func (c *captured) nothing(name string, s *capture.Stats) {
	tcp := s.Frames - s.NotIP - s.NotTCP
	switch {
	case s.Frames == 0:
		c.app.warn("%s has no packets", name)
	case tcp <= 0:
		c.app.warn("no TLS in %s: none of its %d packets is TCP over IP", name, s.Frames)
	default:
		c.app.warn("no TLS in %s: no ClientHello among %d packets; was the capture begun before the connections?", name, s.Frames)
	}
}

func (c *captured) add(s *capture.Stats) {
	t := &c.stats
	c.files++
	t.Frames += s.Frames
	t.Bytes += s.Bytes
	t.NotIP += s.NotIP
	t.NotTCP += s.NotTCP
	t.Tunnelled += s.Tunnelled
	t.Fragments += s.Fragments
	t.Truncated += s.Truncated
	t.Evicted += s.Evicted
}

// finish writes what there is to say at the end.
func (c *captured) finish(ctx context.Context, strict bool) error {
	if err := c.out.summary(c); err != nil {
		return err
	}
	if err := c.app.out.Flush(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		c.app.warn("interrupted: these are the connections found so far")
	}
	if s := &c.stats; s.Fragments > 0 {
		c.app.warn("%s: they are counted, but not put together", plural(int(s.Fragments), "IP fragment"))
	}
	if strict && c.damaged > 0 {
		return errors.New(plural(c.damaged, "damaged place"))
	}
	return nil
}
