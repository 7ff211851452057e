package alb

import "fmt"

// Modify replaces a listener by one of the same name and port: another security policy, another mode of mutual TLS. It takes
// effect on the next handshake, also of connections that are open but have not sent their hello; established ones keep what
// they have. Session tickets from before stay good where the new listener allows what they hold.
func (lb *LoadBalancer) Modify(l Listener) error {
	if err := l.check(); err != nil {
		return fmt.Errorf("modifying listener %q: %w", l.Name, err)
	}
	made, err := newListener(&lb.cfg, &l)
	if err != nil {
		return fmt.Errorf("modifying listener %q: %w", l.Name, err)
	}
	lb.mu.Lock()
	defer lb.mu.Unlock()
	old := lb.listeners[l.Name]
	switch {
	case old == nil:
		return fmt.Errorf("modifying: no listener named %q", l.Name)
	case old.Port != l.Port:
		return fmt.Errorf("modifying listener %q: it keeps its port %d", l.Name, old.Port)
	}
	lb.listeners[l.Name] = made
	return nil
}

// listener returns a listener as it is now, nil if there is none of that name.
func (lb *LoadBalancer) listener(name string) *listener {
	lb.mu.Lock()
	defer lb.mu.Unlock()
	return lb.listeners[name]
}
