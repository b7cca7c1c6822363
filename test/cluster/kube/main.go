// Command hyper is one binary that is kube-apiserver, kube-controller-manager,
// kube-scheduler, kube-proxy, kubelet or kubectl, by the name it is started under.
package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	encryptionreload "k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	kubectlcli "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "kube-apiserver":
		// upstream polls the encryption configuration once a minute; tests may ask for less
		if d, err := time.ParseDuration(os.Getenv("CASEMATE_ENCRYPTION_POLL")); err == nil {
			encryptionreload.EncryptionConfigFileChangePollDuration = d
		}
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(kcm.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kube-proxy":
		os.Exit(cli.Run(kubeproxy.NewProxyCommand()))
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	case "kubectl":
		cmd := kubectlcli.NewDefaultKubectlCommand()
		if err := cli.RunNoErrOutput(cmd); err != nil {
			os.Exit(1)
		}
	default:
		os.Stderr.WriteString("hyper: start me as kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet or kubectl\n")
		os.Exit(2)
	}
}
