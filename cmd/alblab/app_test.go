package main

import (
	"bufio"
	"io"
	"strings"
)

// testApp is an app that prints to out.
func testApp(out io.Writer) *app {
	return &app{in: strings.NewReader(""), out: bufio.NewWriter(out), err: io.Discard}
}
