package main

import (
	"fmt"
	"os"
	"strings"
)

// condition knows [tool:NAME]-like conditions beyond testscript's own: [full] is whether /dev/full is there, [root]
// whether file modes do not bind us.
func condition(name string) (bool, error) {
	switch strings.ToLower(name) {
	case "devfull":
		_, err := os.Stat("/dev/full")
		return err == nil, nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
