// casemate auth help: what a login with a method needs.

import { apiPath, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { wrapped } from '../../output/wrap.ts';
import { mountsOf } from '../secrets/mount-view.ts';

export const help = command({
  synopsis: 'Tell what a login with a method needs',
  usage: '[options] TYPE | PATH',
  help: 'Tells what "login" needs for a method: its name is enough, and nobody is asked then. For a path the server is asked which method is enabled there.',
  examples: {
    'What a login with a name and a password needs': 'auth help userpass',
    'What a login at a path needs': 'auth help staff/',
  },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const { name } = context.io;
    const known = Object.hasOwn(logins, argument.trim()) ? argument.trim() : undefined;
    const path = apiPath(argument);
    const type = known ?? (await typeAt(path));
    const login = Object.hasOwn(logins, type) ? logins[type] : undefined;
    if (login === undefined)
      throw new Ending(
        wrapped(`The command cannot log in with ${type}: write what it needs with "${name} write auth/${path}/login K=V...".`),
      );
    const where = known === undefined && path !== type ? ` -path=${path}` : '';
    context.say(`Usage: ${name} login -method=${type}${where} ${login.usage}\n\n${wrapped(login.needs, '  ')}`);
    return 0;

    async function typeAt(at: string): Promise<string> {
      const listed = await context.calling('Error listing authentication methods', context.client().read('sys/auth'));
      const mount = mountsOf(listed?.data ?? {}).find(([one]) => one === `${at}/`)?.[1];
      if (mount === undefined) throw new Ending(`Error retrieving help: unknown authentication handler: ${at}`);
      return String(mount['type']);
    }
  },
});

interface LoginHelp {
  readonly usage: string;
  readonly needs: string;
}

const byPassword: LoginHelp = {
  usage: 'username=NAME [password=PASSWORD]',
  needs:
    'The name of the user. The password is asked for, without showing it, when it is not given; password=- reads it from stdin. What stands on the command line can be seen by the other users of the machine.',
};

const logins: Readonly<Record<string, LoginHelp>> = {
  approle: {
    usage: 'role_id=ID [secret_id=ID]',
    needs:
      'The id of the role, and a secret id unless the role asks for none. secret_id=- reads it from stdin, secret_id=@FILE from a file.',
  },
  cert: { usage: '[name=ROLE]', needs: 'A client certificate, given with -client-cert and -client-key.' },
  jwt: {
    usage: '[role=ROLE] jwt=TOKEN',
    needs: 'A signed token, and the role to log in as unless the method has a default one. jwt=@FILE reads it from a file.',
  },
  kubernetes: {
    usage: 'role=ROLE jwt=TOKEN',
    needs: 'The role to log in as, and the token of a service account: in a pod jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token.',
  },
  ldap: byPassword,
  radius: byPassword,
  token: {
    usage: '[TOKEN]',
    needs: 'A token that exists. It is asked for, without showing it, when it is not given; - reads it from stdin.',
  },
  userpass: byPassword,
};
