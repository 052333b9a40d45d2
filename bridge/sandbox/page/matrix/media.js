// Pictures, clips, sounds and files of a message, each with its caption, name and size.

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { openPicture } from "../lib/lightbox.js";
import { amount, list, object, text } from "../lib/shape.js";
import { duration, size } from "../lib/words.js";
import { isMedia } from "./people.js";

const BOX = { width: 360, height: 300 }; // Pixels that a picture may take in a timeline.
const THUMBNAIL = { width: 800, height: 600, method: "scale" };
const STICKER = { width: 192, height: 192 };
const SMALL_BYTES = 8_000_000; // What is shown as it is, without a thumbnail.
const EAGER_BYTES = 25_000_000; // What is fetched without being asked for.
const WAVE_BARS = 48;
const WAVE_MAX = 1024; // MSC1767: the loudest value of a waveform.

/** Whether a message type shows media. */
export const SHOWS = { "m.image": image, "m.video": video, "m.audio": audio, "m.file": file };

/** The caption of a media message: its body, if that is not the file's name (MSC2530). */
export function hasCaption(content) {
  return typeof content.filename === "string" && content.filename !== content.body;
}

/** The file's name. */
export function fileName(content, otherwise = "file") {
  return text(content.filename) || text(content.body) || otherwise;
}

function image(content, context) {
  const info = object(content.info);
  const name = fileName(content, "picture");
  const [address, wish] = shownPicture(content, info);
  if (address === null) return missing(name, content);
  const made = element("img", { alt: name, className: "picture", attributes: { loading: null } });
  const frame = element(
    "button",
    { className: "frame loading", type: "button", title: `${name}${details(info)}` },
    made,
  );
  fit(made, info, BOX);
  context.show(
    made,
    address,
    wish,
    () => frame.classList.remove("loading"),
    () => frame.replaceWith(missing(name, content)),
  );
  frame.onclick = () => openPicture(context.mediaUrl(content.url, {}), name);
  if (isAnimated(info)) frame.append(element("span", { className: "badge" }, "GIF"));
  return frame;
}

// A picture that moves, or is small, is shown as it is; else the sender's thumbnail or the homeserver's.
function shownPicture(content, info) {
  if (!isMedia(content.url)) return [null, {}];
  const small = amount(info.size) !== null && info.size <= SMALL_BYTES;
  if (isAnimated(info) || small) return [content.url, {}];
  if (isMedia(info.thumbnail_url)) return [info.thumbnail_url, {}];
  return [content.url, amount(info.size) === null ? {} : THUMBNAIL];
}

function isAnimated(info) {
  return (
    info["is_animated"] === true ||
    info["org.matrix.msc4230.is_animated"] === true ||
    info.mimetype === "image/gif"
  );
}

/** A sticker: a picture without a frame. */
export function sticker(content, context) {
  const name = text(content.body, "sticker");
  if (!isMedia(content.url)) return missing(name, content);
  const made = element("img", { alt: name, title: name, className: "sticker" });
  fit(made, object(content.info), STICKER);
  context.show(made, content.url, {}, undefined, () => made.replaceWith(missing(name, content)));
  return made;
}

// Its place is kept while it loads, so that nothing jumps.
function fit(made, info, box) {
  const [width, height] = [amount(info.w), amount(info.h)];
  if (!width || !height) {
    made.style.maxWidth = `min(100%, ${box.width}px)`;
    made.style.maxHeight = `${box.height}px`;
    return;
  }
  const scale = Math.min(1, box.width / width, box.height / height);
  made.width = Math.max(1, Math.round(width * scale));
  made.height = Math.max(1, Math.round(height * scale));
  made.style.aspectRatio = `${width} / ${height}`;
}

function video(content, context) {
  const info = object(content.info);
  const name = fileName(content, "clip");
  if (!isMedia(content.url)) return missing(name, content);
  const player = element("video", {
    controls: true,
    className: "clip",
    title: `${name}${details(info)}`,
    preload: "metadata",
  });
  player.setAttribute("aria-label", name);
  fit(player, info, BOX);
  if (isMedia(info.thumbnail_url)) {
    const poster = element("img");
    context.show(poster, info.thumbnail_url, {}, () => {
      player.poster = poster.src;
    });
  }
  return element(
    "div",
    { className: "clip-holder" },
    whenWanted(player, content, context),
    line(name, info, content, context),
  );
}

function audio(content, context) {
  const info = object(content.info);
  const details = object(content["org.matrix.msc1767.audio"] ?? content["m.audio"]);
  const isVoice = content["org.matrix.msc3245.voice"] !== undefined || content["m.voice"] !== undefined;
  const name = fileName(content, "sound");
  if (!isMedia(content.url)) return missing(name, content);
  const player = element("audio", { controls: true, preload: "metadata" });
  player.setAttribute("aria-label", name);
  const long = duration(amount(info.duration) ?? amount(details.duration));
  const title = isVoice
    ? element(
        "span",
        { className: "voice-title" },
        icon("voice"),
        " Voice message ",
        element("small", {}, long),
      )
    : null;
  const made = element("div", { className: isVoice ? "sound voice" : "sound" }, title);
  if (isVoice && list(details.waveform).length) made.append(waveform(details.waveform, player));
  made.append(whenWanted(player, content, context));
  if (!isVoice) made.append(line(name, info, content, context));
  return made;
}

function waveform(values, player) {
  const step = values.length / Math.min(WAVE_BARS, values.length);
  const bars = [];
  for (let n = 0; n < values.length; n += step) {
    const bar = element("i");
    const height = Math.min(amount(values[Math.floor(n)]) ?? 0, WAVE_MAX) / WAVE_MAX;
    bar.style.height = `${Math.round(8 + height * 92)}%`;
    bars.push(bar);
  }
  const made = element("span", { className: "waveform", attributes: { "aria-hidden": "true" } }, bars);
  player.ontimeupdate = () => {
    const done = player.duration > 0 ? (player.currentTime / player.duration) * bars.length : 0;
    bars.forEach((bar, n) => bar.classList.toggle("heard", n < done));
  };
  return made;
}

// What is large is fetched when someone asks for it.
function whenWanted(player, content, context) {
  const bytes = amount(object(content.info).size);
  const load = () =>
    context.show(player, content.url, {}, undefined, () =>
      player.replaceWith(missing(fileName(content), content)),
    );
  if (bytes === null || bytes <= EAGER_BYTES) {
    load();
    return player;
  }
  const ask = element("button", { type: "button", className: "quiet load" }, `Load ${size(bytes)}`);
  ask.onclick = () => {
    ask.replaceWith(player);
    load();
  };
  return ask;
}

function file(content, context) {
  const info = object(content.info);
  const name = fileName(content);
  if (!isMedia(content.url)) return missing(name, content);
  return element("div", { className: "file" }, line(name, info, content, context));
}

// Name and size, and a link that fetches the file when it is clicked and keeps it under its name.
function line(name, info, content, context) {
  const made = element(
    "a",
    { className: "download", download: name, href: "#", title: `Download ${name}` },
    element("span", { className: "file-icon", dataset: { ending: ending(name) } }, ending(name)),
    element("span", { className: "file-name" }, name),
    element("small", {}, [size(info.size), duration(info.duration)].filter(Boolean).join(" · ")),
  );
  const fetchFirst = (event) => {
    event.preventDefault();
    made.classList.add("loading");
    context.show(
      made,
      content.url,
      {},
      () => {
        made.classList.remove("loading");
        made.onclick = null;
        made.click();
      },
      () => made.replaceWith(missing(name, content)),
    );
  };
  made.onclick = fetchFirst;
  return made;
}

function ending(name) {
  const found = /\.([A-Za-z0-9]{1,5})$/.exec(name);
  return found ? found[1].toLowerCase() : "file";
}

function details(info) {
  const sides = amount(info.w) && amount(info.h) ? `${info.w} × ${info.h}` : "";
  const found = [sides, size(info.size), duration(info.duration)].filter(Boolean).join(" · ");
  return found && ` (${found})`;
}

function missing(name, content) {
  const why = content.file !== undefined ? "encrypted: this page has no keys" : "cannot be loaded";
  return element("span", { className: "lost" }, icon("file"), ` ${name} (${why})`);
}
