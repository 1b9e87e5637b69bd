// Command agent is an ssh-agent with one new Ed25519 key, for a witness that asks one for its signatures.
//
//	agent -socket PATH -fingerprint FILE
//
// It writes the key's fingerprint to FILE when it can be asked, and runs until it is ended by a signal.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"flag"
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func main() {
	socket := flag.String("socket", "", "where it is asked")
	fingerprint := flag.String("fingerprint", "", "a file for the key's fingerprint")
	flag.Parse()
	if err := run(*socket, *fingerprint); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run(socket, fingerprint string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.WriteFile(fingerprint+".new", []byte(ssh.FingerprintSHA256(key)), 0o600); err != nil {
		return err
	}
	if err := os.Rename(fingerprint+".new", fingerprint); err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_ = agent.ServeAgent(ring, connection)
		}()
	}
}
