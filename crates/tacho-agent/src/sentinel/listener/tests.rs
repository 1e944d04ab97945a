use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::pki_types::PrivateKeyDer;
use tacho_runtime::tls::Identity;
use tacho_wire::v1::SentinelPeer;

use super::super::peer::{Answer, ask};
use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rustls::pki_types::CertificateDer<'static>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority { issuer: Issuer::new(params, key), certificate }
}

impl Authority {
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Held {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![SanType::DnsName("tacho-server".try_into().unwrap())];
        params.extended_key_usages = vec![usage];
        let chain = vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()];
        let identity = Identity { chain, key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) };
        Held { identity, authority: self.certificate.clone() }
    }

    fn agent(&self, name: &str) -> Held {
        self.issue(name, ExtendedKeyUsagePurpose::ClientAuth)
    }
}

#[tokio::test]
async fn only_agents_of_the_same_authority_are_answered_and_only_the_named_one_is_believed() {
    let authority = authority();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let (held, held_of) = watch::channel(Arc::new(authority.agent("one")));
    let (state, state_of) = watch::channel(PeerState::default());
    let stop = CancellationToken::new();
    tokio::spawn(Listener { socket, held: held_of, state: state_of }.run(stop.clone()));
    let peer = |id: &str| SentinelPeer {
        agent_id: id.to_owned(),
        host_name: String::new(),
        address: address.clone(),
    };
    let asker = authority.agent("two");

    assert_eq!(ask(&asker, &peer("one")).await, Answer::Waiting);
    state.send_replace(PeerState { connected: true, ..PeerState::default() });
    assert_eq!(ask(&asker, &peer("one")).await, Answer::SeesServer);
    assert_eq!(ask(&asker, &peer("three")).await, Answer::Dead, "another agent than the server named");
    assert_eq!(ask(&self::authority().agent("two"), &peer("one")).await, Answer::Dead, "a stranger asks");
    let no_agent = authority.issue("two", ExtendedKeyUsagePurpose::ServerAuth);
    assert_eq!(ask(&no_agent, &peer("one")).await, Answer::Dead, "no agent asks");

    // The certificate is renewed while it listens.
    held.send_replace(Arc::new(authority.agent("one")));
    state.send_replace(PeerState { spoken: true, ..PeerState::default() });
    assert_eq!(ask(&asker, &peer("one")).await, Answer::Spoken);
    stop.cancel();
}
