// Teams' system messages in words: the thirty kinds of `eventDetail`.

import { list, object, text } from "../lib/shape.js";
import { duration, enumerate } from "../lib/words.js";

/** A line about a system message. `context.nameOf(id)` knows the people of the tenant. */
export function eventLine(message, context) {
  const detail = object(message.eventDetail);
  const kind = text(detail["@odata.type"]).replace("#microsoft.graph.", "").replace("EventMessageDetail", "");
  const who = identity(detail.initiator, context);
  const tell = LINES[kind];
  return tell === undefined ? `Something happened: ${kind || "unknown"}` : tell({ detail, who, context });
}

function identity(given, context) {
  const set = object(given);
  const found = object(set.user ?? set.application ?? set.device);
  return text(found.displayName) || context.nameOf(text(found.id)) || "Someone";
}

function members({ detail, context }) {
  const names = list(detail.members)
    .map(object)
    .map((one) => text(one.displayName) || context.nameOf(text(one.id)) || "someone");
  return names.length ? enumerate(names) : "someone";
}

// ISO 8601, as Graph gives it: PT1H2M3.5S.
function long(given) {
  const found = /^P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$/.exec(text(given));
  if (!found) return "";
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return ` (${duration((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)})`;
}

const app = ({ detail }) => text(detail.teamsAppDisplayName) || "an app";
const LINES = {
  callEnded: ({ detail }) => `The call has ended${long(detail.callDuration)}`,
  callStarted: ({ who }) => `${who} started a call`,
  callRecording: ({ detail }) =>
    `Recording: ${text(detail.callRecordingDisplayName)}${long(detail.callRecordingDuration)}`,
  callTranscript: () => "A transcript of the call is there",
  channelAdded: ({ who, detail }) => `${who} added the channel “${text(detail.channelDisplayName)}”`,
  channelDeleted: ({ who, detail }) => `${who} deleted the channel “${text(detail.channelDisplayName)}”`,
  channelDescriptionUpdated: ({ who, detail }) =>
    `${who} changed the channel's description to “${text(detail.channelDescription)}”`,
  channelRenamed: ({ who, detail }) => `${who} renamed the channel to “${text(detail.channelDisplayName)}”`,
  channelSetAsFavoriteByDefault: ({ who }) => `${who} shows this channel to everyone`,
  channelUnsetAsFavoriteByDefault: ({ who }) => `${who} no longer shows this channel to everyone`,
  chatRenamed: ({ who, detail }) => `${who} renamed the chat to “${text(detail.chatDisplayName)}”`,
  conversationMemberRoleUpdated: ({ who, detail, context }) => {
    const user = object(detail.conversationMemberUser);
    const name = text(user.displayName) || context.nameOf(text(user.id)) || "someone";
    return `${who} made ${name} ${list(detail.conversationMemberRoles).includes("Owner") ? "an owner" : "a member"}`;
  },
  meetingPolicyUpdated: ({ who, detail }) =>
    `${who} turned the meeting's chat ${detail.meetingChatEnabled ? "on" : "off"}`,
  membersAdded: (given) => `${given.who} added ${members(given)}`,
  membersDeleted: (given) => `${given.who} removed ${members(given)}`,
  membersJoined: (given) => `${members(given)} joined`,
  membersLeft: (given) => `${members(given)} left`,
  messagePinned: ({ who }) => `${who} pinned a message`,
  messageUnpinned: ({ who }) => `${who} unpinned a message`,
  tabUpdated: ({ who }) => `${who} changed a tab`,
  teamArchived: ({ who }) => `${who} archived the team`,
  teamCreated: ({ who, detail }) => `${who} created the team “${text(detail.teamDisplayName)}”`,
  teamDescriptionUpdated: ({ who, detail }) =>
    `${who} changed the team's description to “${text(detail.teamDescription)}”`,
  teamJoiningDisabled: ({ who }) => `${who} closed the team: nobody joins by themselves`,
  teamJoiningEnabled: ({ who }) => `${who} opened the team: everyone may join`,
  teamRenamed: ({ who, detail }) => `${who} renamed the team to “${text(detail.teamDisplayName)}”`,
  teamsAppInstalled: (given) => `${given.who} installed ${app(given)}`,
  teamsAppRemoved: (given) => `${given.who} removed ${app(given)}`,
  teamsAppUpgraded: (given) => `${given.who} updated ${app(given)}`,
  teamUnarchived: ({ who }) => `${who} opened the archived team again`,
};
