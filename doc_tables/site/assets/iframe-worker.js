// Browsers start no worker of a page that was opened from a file. There the search runs in a hidden
// frame, which has the two things that the search asks of a worker: messages and importScripts.
(() => {
  if (location.protocol !== "file:") return;

  class FrameWorker extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame;
      this.inside = frame.contentWindow;
      // Messages of the script come here; its own window would get them otherwise.
      this.inside.postMessage = (data) => this.answer(data);
      this.inside.importScripts = async (...addresses) => {
        for (const one of addresses) await this.load(one);
      };
      this.ready = this.load(address);
    }
    load(address) {
      const script = this.inside.document.createElement("script");
      return new Promise((done, failed) => {
        script.onload = done;
        script.onerror = () => failed(new Error(`${address} cannot be read`));
        script.src = address;
        this.inside.document.body.append(script);
      });
    }
    answer(data) {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }
    postMessage(data) {
      const copy = structuredClone(data);
      this.ready.then(() =>
        this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data: copy })));
    }
    terminate() {
      this.frame.remove();
    }
  }
  // The theme asks for this name; the file has its name, because the theme then fetches no other.
  window.IFrameWorker = FrameWorker;
  window.Worker = FrameWorker;
})();
