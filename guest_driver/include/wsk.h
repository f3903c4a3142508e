/* SPDX-License-Identifier: Apache-2.0
 *
 * Winsock Kernel as this driver uses it. mingw-w64 has no wsk.h, so these are
 * our own declarations, made from Microsoft's reference pages of each function
 * and structure; the assertions at the end hold the layouts to x64 Windows'. Which
 * of the provider's dispatch tables a socket has depends on its category.
 */
#ifndef WSKTEST_WSK_H
#define WSKTEST_WSK_H

#include <ntifs.h>

#define WSK_AF_INET 2
#define WSK_AF_INET6 23
#define WSK_SOCK_STREAM 1
#define WSK_SOCK_DGRAM 2
#define WSK_IPPROTO_TCP 6
#define WSK_IPPROTO_UDP 17

#define WSK_FLAG_BASIC_SOCKET 0x00000000
#define WSK_FLAG_LISTEN_SOCKET 0x00000001
#define WSK_FLAG_CONNECTION_SOCKET 0x00000002
#define WSK_FLAG_DATAGRAM_SOCKET 0x00000004
#define WSK_FLAG_STREAM_SOCKET 0x00000008
#define WSK_FLAG_ABORTIVE 0x00000001
#define WSK_RELEASE_SD 5
#define WSK_EVENT_DISABLE 0x80000000
#define SIO_ADDRESS_LIST_QUERY 0x48000016
#define SIO_ADDRESS_LIST_CHANGE 0x28000017
#define SIO_ADDRESS_LIST_SORT 0xc8000019

#define MAKE_WSK_VERSION(major, minor) ((USHORT)(((major) << 8) | (minor)))

typedef struct _WSK_SOCKADDR_IN {
    USHORT sin_family;
    USHORT sin_port; /* network byte order */
    UCHAR sin_addr[4];
    UCHAR sin_zero[8];
} WSK_SOCKADDR_IN;

typedef struct _WSK_SOCKADDR_IN6 {
    USHORT sin6_family;
    USHORT sin6_port; /* network byte order */
    ULONG sin6_flowinfo;
    UCHAR sin6_addr[16];
    ULONG sin6_scope_id;
} WSK_SOCKADDR_IN6;

typedef union _WSK_SOCKADDR {
    USHORT family;
    WSK_SOCKADDR_IN ipv4;
    WSK_SOCKADDR_IN6 ipv6;
} WSK_SOCKADDR, *PWSK_SOCKADDR;

typedef VOID (*WSK_SLOT)(VOID); /* of a dispatch table, before its function's type is known */

typedef struct _WSK_CLIENT *PWSK_CLIENT;

typedef struct _WSK_SOCKET {
    const VOID *Dispatch;
} WSK_SOCKET, *PWSK_SOCKET;

typedef struct _WSK_BUF {
    PMDL Mdl;
    ULONG Offset; /* into the first MDL of the chain */
    SIZE_T Length;
} WSK_BUF, *PWSK_BUF;

typedef struct _WSK_DATA_INDICATION {
    struct _WSK_DATA_INDICATION *Next;
    WSK_BUF Buffer;
} WSK_DATA_INDICATION, *PWSK_DATA_INDICATION;

/* Begins like a WSK_DATA_INDICATION. */
typedef struct _WSK_DATAGRAM_INDICATION {
    struct _WSK_DATAGRAM_INDICATION *Next;
    WSK_BUF Buffer;
    PVOID ControlInfo; /* PCMSGHDR */
    ULONG ControlInfoLength;
    PWSK_SOCKADDR RemoteAddress;
} WSK_DATAGRAM_INDICATION, *PWSK_DATAGRAM_INDICATION;

typedef struct _WSK_INSPECT_ID {
    ULONG_PTR Key;
    ULONG SerialNumber;
} WSK_INSPECT_ID, *PWSK_INSPECT_ID;

typedef enum _WSK_INSPECT_ACTION {
    WskInspectReject,
    WskInspectAccept,
    WskInspectPend
} WSK_INSPECT_ACTION;

typedef enum _WSK_CONTROL_SOCKET_TYPE {
    WskSetOption,
    WskGetOption,
    WskIoctl
} WSK_CONTROL_SOCKET_TYPE;

typedef struct _WSK_EVENT_CALLBACK_CONTROL {
    const GUID *NpiId;
    ULONG EventMask;
} WSK_EVENT_CALLBACK_CONTROL;

/* ---- What a client offers ---- */

typedef struct _WSK_CLIENT_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    WSK_SLOT WskClientEvent;
} WSK_CLIENT_DISPATCH;

typedef struct _WSK_CLIENT_NPI {
    PVOID ClientContext;
    const WSK_CLIENT_DISPATCH *Dispatch;
} WSK_CLIENT_NPI, *PWSK_CLIENT_NPI;

/* clang-format off */
typedef struct _WSK_CLIENT_CONNECTION_DISPATCH {
    NTSTATUS (NTAPI *WskReceiveEvent)(PVOID SocketContext, ULONG Flags, PWSK_DATA_INDICATION DataIndication,
                                      SIZE_T BytesIndicated, SIZE_T *BytesAccepted);
    NTSTATUS (NTAPI *WskDisconnectEvent)(PVOID SocketContext, ULONG Flags);
    NTSTATUS (NTAPI *WskSendBacklogEvent)(PVOID SocketContext, SIZE_T IdealBacklogSize);
} WSK_CLIENT_CONNECTION_DISPATCH;

typedef struct _WSK_CLIENT_LISTEN_DISPATCH {
    NTSTATUS (NTAPI *WskAcceptEvent)(PVOID SocketContext, ULONG Flags, PWSK_SOCKADDR LocalAddress,
                                     PWSK_SOCKADDR RemoteAddress, PWSK_SOCKET AcceptSocket,
                                     PVOID *AcceptSocketContext, const VOID **AcceptSocketDispatch);
    WSK_INSPECT_ACTION (NTAPI *WskInspectEvent)(PVOID SocketContext, PWSK_SOCKADDR LocalAddress,
                                                PWSK_SOCKADDR RemoteAddress, PWSK_INSPECT_ID InspectID);
    NTSTATUS (NTAPI *WskAbortEvent)(PVOID SocketContext, PWSK_INSPECT_ID InspectID);
} WSK_CLIENT_LISTEN_DISPATCH;

typedef struct _WSK_CLIENT_DATAGRAM_DISPATCH {
    NTSTATUS (NTAPI *WskReceiveFromEvent)(PVOID SocketContext, ULONG Flags,
                                          PWSK_DATA_INDICATION DataIndication);
} WSK_CLIENT_DATAGRAM_DISPATCH;
/* clang-format on */

typedef struct _WSK_CLIENT_STREAM_DISPATCH {
    const WSK_CLIENT_LISTEN_DISPATCH *Listen;
    const WSK_CLIENT_CONNECTION_DISPATCH *Connect;
} WSK_CLIENT_STREAM_DISPATCH;

/* ---- What the provider offers ---- */

typedef NTSTATUS(NTAPI *PFN_WSK_SOCKET)(PWSK_CLIENT Client, USHORT AddressFamily, USHORT SocketType,
                                        ULONG Protocol, ULONG Flags, PVOID SocketContext,
                                        const VOID *Dispatch, PEPROCESS OwningProcess, PETHREAD OwningThread,
                                        PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_SOCKET_CONNECT)(PWSK_CLIENT Client, USHORT SocketType, ULONG Protocol,
                                                PWSK_SOCKADDR LocalAddress, PWSK_SOCKADDR RemoteAddress,
                                                ULONG Flags, PVOID SocketContext, const VOID *Dispatch,
                                                PEPROCESS OwningProcess, PETHREAD OwningThread,
                                                PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_CONTROL_CLIENT)(PWSK_CLIENT Client, ULONG ControlCode, SIZE_T InputSize,
                                                PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                                SIZE_T *OutputSizeReturned, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_CONTROL_SOCKET)(PWSK_SOCKET Socket, ULONG RequestType, ULONG ControlCode,
                                                ULONG Level, SIZE_T InputSize, PVOID InputBuffer,
                                                SIZE_T OutputSize, PVOID OutputBuffer,
                                                SIZE_T *OutputSizeReturned, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_CLOSE_SOCKET)(PWSK_SOCKET Socket, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_LISTEN)(PWSK_SOCKET Socket, PIRP Irp);
/* WskBind, WskConnect */
typedef NTSTATUS(NTAPI *PFN_WSK_ADDRESS_CALL)(PWSK_SOCKET Socket, PWSK_SOCKADDR Address, ULONG Flags,
                                              PIRP Irp);
/* WskSend, WskReceive, WskDisconnect */
typedef NTSTATUS(NTAPI *PFN_WSK_BUFFER_CALL)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_CONNECT_EX)(PWSK_SOCKET Socket, PWSK_SOCKADDR RemoteAddress, PWSK_BUF Buffer,
                                            ULONG Flags, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_ACCEPT)(PWSK_SOCKET ListenSocket, ULONG Flags, PVOID AcceptSocketContext,
                                        const VOID *AcceptSocketDispatch, PWSK_SOCKADDR LocalAddress,
                                        PWSK_SOCKADDR RemoteAddress, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_INSPECT_COMPLETE)(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                                  WSK_INSPECT_ACTION Action, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_SEND_TO)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                         PWSK_SOCKADDR RemoteAddress, ULONG ControlInfoLength,
                                         PVOID ControlInfo, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_RECEIVE_FROM)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                              PWSK_SOCKADDR RemoteAddress, ULONG *ControlInfoLength,
                                              PVOID ControlInfo, ULONG *ControlFlags, PIRP Irp);
typedef NTSTATUS(NTAPI *PFN_WSK_RELEASE)(PWSK_SOCKET Socket, PWSK_DATA_INDICATION DataIndication);
/* WskGetLocalAddress, WskGetRemoteAddress */
typedef NTSTATUS(NTAPI *PFN_WSK_GET_ADDRESS)(PWSK_SOCKET Socket, PWSK_SOCKADDR Address, PIRP Irp);

/* The tables of each category of sockets. */
typedef struct _WSK_PROVIDER_BASIC_DISPATCH {
    PFN_WSK_CONTROL_SOCKET WskControlSocket;
    PFN_WSK_CLOSE_SOCKET WskCloseSocket;
} WSK_PROVIDER_BASIC_DISPATCH;

typedef struct _WSK_PROVIDER_LISTEN_DISPATCH {
    WSK_PROVIDER_BASIC_DISPATCH Basic;
    PFN_WSK_ADDRESS_CALL WskBind;
    PFN_WSK_ACCEPT WskAccept;
    PFN_WSK_INSPECT_COMPLETE WskInspectComplete;
    PFN_WSK_GET_ADDRESS WskGetLocalAddress;
} WSK_PROVIDER_LISTEN_DISPATCH;

typedef struct _WSK_PROVIDER_CONNECTION_DISPATCH {
    WSK_PROVIDER_BASIC_DISPATCH Basic;
    PFN_WSK_ADDRESS_CALL WskBind;
    PFN_WSK_ADDRESS_CALL WskConnect;
    PFN_WSK_GET_ADDRESS WskGetLocalAddress;
    PFN_WSK_GET_ADDRESS WskGetRemoteAddress;
    PFN_WSK_BUFFER_CALL WskSend;
    PFN_WSK_BUFFER_CALL WskReceive;
    PFN_WSK_BUFFER_CALL WskDisconnect;
    PFN_WSK_RELEASE WskRelease;
    PFN_WSK_CONNECT_EX WskConnectEx;
} WSK_PROVIDER_CONNECTION_DISPATCH;

typedef struct _WSK_PROVIDER_DATAGRAM_DISPATCH {
    WSK_PROVIDER_BASIC_DISPATCH Basic;
    PFN_WSK_ADDRESS_CALL WskBind;
    PFN_WSK_SEND_TO WskSendTo;
    PFN_WSK_RECEIVE_FROM WskReceiveFrom;
    PFN_WSK_RELEASE WskRelease;
    PFN_WSK_GET_ADDRESS WskGetLocalAddress;
} WSK_PROVIDER_DATAGRAM_DISPATCH;

typedef struct _WSK_PROVIDER_STREAM_DISPATCH {
    WSK_PROVIDER_BASIC_DISPATCH Basic;
    PFN_WSK_ADDRESS_CALL WskBind;
    PFN_WSK_ACCEPT WskAccept;
    PFN_WSK_ADDRESS_CALL WskConnect;
    PFN_WSK_LISTEN WskListen;
    PFN_WSK_BUFFER_CALL WskSend;
    PFN_WSK_BUFFER_CALL WskReceive;
    PFN_WSK_BUFFER_CALL WskDisconnect;
    PFN_WSK_RELEASE WskRelease;
    PFN_WSK_GET_ADDRESS WskGetLocalAddress;
    PFN_WSK_GET_ADDRESS WskGetRemoteAddress;
    PFN_WSK_CONNECT_EX WskConnectEx;
} WSK_PROVIDER_STREAM_DISPATCH;

typedef struct _WSK_PROVIDER_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    PFN_WSK_SOCKET WskSocket;
    PFN_WSK_SOCKET_CONNECT WskSocketConnect;
    PFN_WSK_CONTROL_CLIENT WskControlClient;
    WSK_SLOT WskGetAddressInfo;
    WSK_SLOT WskFreeAddressInfo;
    WSK_SLOT WskGetNameInfo;
} WSK_PROVIDER_DISPATCH;

typedef struct _WSK_PROVIDER_NPI {
    PWSK_CLIENT Client;
    const WSK_PROVIDER_DISPATCH *Dispatch;
} WSK_PROVIDER_NPI, *PWSK_PROVIDER_NPI;

typedef struct _WSK_REGISTRATION {
    ULONGLONG ReservedRegistrationState;
    PVOID ReservedRegistrationContext;
    KSPIN_LOCK ReservedRegistrationLock;
} WSK_REGISTRATION, *PWSK_REGISTRATION;

NTSYSAPI NTSTATUS NTAPI WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration);
NTSYSAPI VOID NTAPI WskDeregister(PWSK_REGISTRATION WskRegistration);
NTSYSAPI NTSTATUS NTAPI WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
                                              PWSK_PROVIDER_NPI WskProviderNpi);
NTSYSAPI VOID NTAPI WskReleaseProviderNPI(PWSK_REGISTRATION WskRegistration);

/* ---- Layouts on x64 ---- */

#define WSK_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")
#define WSK_AT(type, member, offset)                                                                         \
    _Static_assert(FIELD_OFFSET(type, member) == (offset), #type "." #member " is elsewhere")
#define WSK_PLACE(type, member, place) WSK_AT(type, member, (place) * sizeof(PVOID))

WSK_SIZE(WSK_SOCKADDR_IN, 16);
WSK_AT(WSK_SOCKADDR_IN, sin_port, 2);
WSK_AT(WSK_SOCKADDR_IN, sin_addr, 4);
WSK_AT(WSK_SOCKADDR_IN, sin_zero, 8);
WSK_SIZE(WSK_SOCKADDR_IN6, 28);
WSK_AT(WSK_SOCKADDR_IN6, sin6_port, 2);
WSK_AT(WSK_SOCKADDR_IN6, sin6_flowinfo, 4);
WSK_AT(WSK_SOCKADDR_IN6, sin6_addr, 8);
WSK_AT(WSK_SOCKADDR_IN6, sin6_scope_id, 24);
WSK_SIZE(WSK_SOCKADDR, 28); /* the larger of its two */
WSK_SIZE(WSK_SOCKET, 8);
WSK_AT(WSK_SOCKET, Dispatch, 0);
WSK_SIZE(WSK_BUF, 24);
WSK_AT(WSK_BUF, Mdl, 0);
WSK_AT(WSK_BUF, Offset, 8);
WSK_AT(WSK_BUF, Length, 16);
WSK_SIZE(WSK_DATA_INDICATION, 32);
WSK_AT(WSK_DATA_INDICATION, Next, 0);
WSK_AT(WSK_DATA_INDICATION, Buffer, 8);
WSK_SIZE(WSK_DATAGRAM_INDICATION, 56);
WSK_AT(WSK_DATAGRAM_INDICATION, Next, 0);
WSK_AT(WSK_DATAGRAM_INDICATION, Buffer, 8);
WSK_AT(WSK_DATAGRAM_INDICATION, ControlInfo, 32);
WSK_AT(WSK_DATAGRAM_INDICATION, ControlInfoLength, 40);
WSK_AT(WSK_DATAGRAM_INDICATION, RemoteAddress, 48);
WSK_SIZE(WSK_INSPECT_ID, 16);
WSK_AT(WSK_INSPECT_ID, Key, 0);
WSK_AT(WSK_INSPECT_ID, SerialNumber, 8);
WSK_SIZE(WSK_INSPECT_ACTION, 4);
WSK_SIZE(WSK_EVENT_CALLBACK_CONTROL, 16);
WSK_AT(WSK_EVENT_CALLBACK_CONTROL, NpiId, 0);
WSK_AT(WSK_EVENT_CALLBACK_CONTROL, EventMask, 8);
WSK_SIZE(WSK_CLIENT_DISPATCH, 16);
WSK_AT(WSK_CLIENT_DISPATCH, Version, 0);
WSK_AT(WSK_CLIENT_DISPATCH, Reserved, 2);
WSK_AT(WSK_CLIENT_DISPATCH, WskClientEvent, 8);
WSK_SIZE(WSK_CLIENT_NPI, 16);
WSK_AT(WSK_CLIENT_NPI, ClientContext, 0);
WSK_AT(WSK_CLIENT_NPI, Dispatch, 8);
WSK_SIZE(WSK_CLIENT_CONNECTION_DISPATCH, 24);
WSK_PLACE(WSK_CLIENT_CONNECTION_DISPATCH, WskReceiveEvent, 0);
WSK_PLACE(WSK_CLIENT_CONNECTION_DISPATCH, WskDisconnectEvent, 1);
WSK_PLACE(WSK_CLIENT_CONNECTION_DISPATCH, WskSendBacklogEvent, 2);
WSK_SIZE(WSK_CLIENT_LISTEN_DISPATCH, 24);
WSK_PLACE(WSK_CLIENT_LISTEN_DISPATCH, WskAcceptEvent, 0);
WSK_PLACE(WSK_CLIENT_LISTEN_DISPATCH, WskInspectEvent, 1);
WSK_PLACE(WSK_CLIENT_LISTEN_DISPATCH, WskAbortEvent, 2);
WSK_SIZE(WSK_CLIENT_DATAGRAM_DISPATCH, 8);
WSK_SIZE(WSK_CLIENT_STREAM_DISPATCH, 16);
WSK_PLACE(WSK_CLIENT_STREAM_DISPATCH, Listen, 0);
WSK_PLACE(WSK_CLIENT_STREAM_DISPATCH, Connect, 1);
/* Of the provider's tables the places: they have grown with WSK's versions, and are only read. */
WSK_PLACE(WSK_PROVIDER_BASIC_DISPATCH, WskControlSocket, 0);
WSK_PLACE(WSK_PROVIDER_BASIC_DISPATCH, WskCloseSocket, 1);
WSK_PLACE(WSK_PROVIDER_LISTEN_DISPATCH, WskBind, 2);
WSK_PLACE(WSK_PROVIDER_LISTEN_DISPATCH, WskAccept, 3);
WSK_PLACE(WSK_PROVIDER_LISTEN_DISPATCH, WskInspectComplete, 4);
WSK_PLACE(WSK_PROVIDER_LISTEN_DISPATCH, WskGetLocalAddress, 5);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskBind, 2);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskConnect, 3);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskGetLocalAddress, 4);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskGetRemoteAddress, 5);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskSend, 6);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskReceive, 7);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskDisconnect, 8);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskRelease, 9);
WSK_PLACE(WSK_PROVIDER_CONNECTION_DISPATCH, WskConnectEx, 10);
WSK_PLACE(WSK_PROVIDER_DATAGRAM_DISPATCH, WskBind, 2);
WSK_PLACE(WSK_PROVIDER_DATAGRAM_DISPATCH, WskSendTo, 3);
WSK_PLACE(WSK_PROVIDER_DATAGRAM_DISPATCH, WskReceiveFrom, 4);
WSK_PLACE(WSK_PROVIDER_DATAGRAM_DISPATCH, WskRelease, 5);
WSK_PLACE(WSK_PROVIDER_DATAGRAM_DISPATCH, WskGetLocalAddress, 6);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskBind, 2);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskAccept, 3);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskConnect, 4);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskListen, 5);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskSend, 6);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskReceive, 7);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskDisconnect, 8);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskRelease, 9);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskGetLocalAddress, 10);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskGetRemoteAddress, 11);
WSK_PLACE(WSK_PROVIDER_STREAM_DISPATCH, WskConnectEx, 12);
WSK_SIZE(WSK_PROVIDER_DISPATCH, 56);
WSK_AT(WSK_PROVIDER_DISPATCH, Version, 0);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskSocket, 1);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskSocketConnect, 2);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskControlClient, 3);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskGetAddressInfo, 4);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskFreeAddressInfo, 5);
WSK_PLACE(WSK_PROVIDER_DISPATCH, WskGetNameInfo, 6);
WSK_SIZE(WSK_PROVIDER_NPI, 16);
WSK_AT(WSK_PROVIDER_NPI, Client, 0);
WSK_AT(WSK_PROVIDER_NPI, Dispatch, 8);
WSK_SIZE(WSK_REGISTRATION, 24);
WSK_AT(WSK_REGISTRATION, ReservedRegistrationState, 0);
WSK_AT(WSK_REGISTRATION, ReservedRegistrationContext, 8);
WSK_AT(WSK_REGISTRATION, ReservedRegistrationLock, 16);

#undef WSK_PLACE
#undef WSK_AT
#undef WSK_SIZE

#endif
